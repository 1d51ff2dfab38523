//! What souk's letters say.

use souk_core::any::{OrderTemplate, PersonTemplate};
use souk_core::ids::OrderId;

use crate::tenants::tokens::SignedToken;

/// A letter, ready to be carried. Never logged: it names a person.
pub struct Letter {
    to: String,
    subject: String,
    body: String,
}

impl Letter {
    /// A letter about an order. Line breaks in what a person typed become spaces, so that
    /// nobody writes headers of their own.
    pub fn about_order(
        template: OrderTemplate,
        order: OrderId,
        name: &str,
        email: &str,
        link: Option<&str>,
    ) -> Self {
        let name = one_line(name);
        let (subject, mut body) = match template {
            OrderTemplate::OrderPlaced => (
                format!("Your order {order}"),
                format!("Dear {name},\n\nthank you. Your order {order} is placed and paid.\n"),
            ),
            OrderTemplate::ParcelShipped => (
                format!("On its way: {order}"),
                format!("Dear {name},\n\na parcel of your order {order} is on its way.\n"),
            ),
            OrderTemplate::Cancelled => (
                format!("Cancelled: {order}"),
                format!(
                    "Dear {name},\n\nsomething of your order {order} was cancelled. Its money is on its way back.\n"
                ),
            ),
        };
        if let Some(link) = link {
            body.push_str(&format!("\nSee your order: {link}\n"));
        }
        Letter { to: one_line(email), subject, body }
    }

    /// A letter to somebody who is invited to a vendor's team.
    pub fn from_vendor(vendor: &str, email: &str, token: Option<&SignedToken>) -> Self {
        let vendor = one_line(vendor);
        let mut body = format!(
            "Hello,\n\nyou are invited to act for {vendor}. To accept, sign in or make an account with any address of \
             yours, and show this token; it is good once and for a week. If you do not know why, you need do nothing.\n"
        );
        if let Some(token) = token {
            body.push_str(&format!("\n{}\n", token.expose()));
        }
        Letter { to: one_line(email), subject: format!("Join {vendor}?"), body }
    }

    /// A letter about a person's account, with what whoever got it is asked to show.
    pub fn about_person(
        template: PersonTemplate,
        name: &str,
        email: &str,
        token: Option<&SignedToken>,
    ) -> Self {
        let greeting = match one_line(name) {
            name if name.is_empty() => "Hello".to_owned(),
            name => format!("Dear {name}"),
        };
        let (subject, text) = match template {
            PersonTemplate::VerifyMail { .. } => (
                "Is this your address?",
                "somebody wants an account with this address. If it was you, this token shows that the address is \
                 yours and lets you choose a password; it is good for a day at most. If it was not, you need do \
                 nothing: there is no account.",
            ),
            PersonTemplate::ResetPassword { .. } => (
                "Choose another password",
                "somebody has asked for another password for your account. If it was you, this token lets you \
                 choose one; it is good for an hour at most. If it was not, you need do nothing: your password stays.",
            ),
            PersonTemplate::PasswordChanged => (
                "Your password was changed",
                "the password of your account was changed, and everybody who was signed in is signed out. If it \
                 was not you, ask for another password now.",
            ),
            PersonTemplate::SecondFactorOn => (
                "Your account has a second factor",
                "from now on a code of your authenticator is asked for when somebody signs in to your account. Keep the \
                 recovery codes where you find them without it. If it was not you, ask for another password now.",
            ),
            PersonTemplate::SecondFactorOff => (
                "Your account has no second factor any more",
                "from now on the password alone opens your account. If it was not you, ask for another password now.",
            ),
            PersonTemplate::RecoveryCodeUsed => (
                "A recovery code was used",
                "somebody has signed in to your account, or shown who they are, with one of your recovery codes; it is \
                 not good any more. If it was not you, ask for another password now, and for other codes.",
            ),
            PersonTemplate::HasAccount => (
                "You have an account already",
                "somebody wants an account with this address, and there is one. If it was you, sign in; if you \
                 have forgotten the password, ask for another one. If it was not, you need do nothing.",
            ),
        };
        let mut body = format!("{greeting},\n\n{text}\n");
        if let Some(token) = token {
            body.push_str(&format!("\n{}\n", token.expose()));
        }
        Letter { to: one_line(email), subject: subject.to_owned(), body }
    }

    /// The letter as mail programs read it.
    pub(super) fn to_text(&self) -> String {
        format!(
            "To: {}\nSubject: {}\nContent-Type: text/plain; charset=utf-8\n\n{}",
            self.to, self.subject, self.body
        )
    }
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use souk_core::ids::UserId;
    use souk_core::person::Purpose;

    use super::*;
    use crate::tenants::ServerKey;

    #[test]
    fn nobody_writes_headers_of_their_own() {
        let (order, email) = (OrderId(1), "a@example.org\r\nBcc: b@example.org");
        let letter =
            Letter::about_order(OrderTemplate::OrderPlaced, order, "A\nB", email, Some("http://s/o?token=t"));
        let text = letter.to_text();
        assert!(text.starts_with("To: a@example.org  Bcc: b@example.org\nSubject: "), "{text}");
        assert!(text.contains("Dear A B,"), "{text}");
        assert!(text.ends_with("See your order: http://s/o?token=t\n"), "{text}");
    }

    #[test]
    fn a_letter_that_asks_for_something_holds_what_it_takes_and_no_other_does() {
        let key = ServerKey::from_bytes([1; 32]);
        let token = key.letter_token(Purpose::Verify, UserId(4), 1);
        let asks = PersonTemplate::VerifyMail { token: 1 };
        let letter = Letter::about_person(asks, "", "a@example.org", Some(&token)).to_text();
        assert!(
            letter.contains("\n\nHello,\n") && letter.ends_with(&format!("\n{}\n", token.expose())),
            "{letter}"
        );
        let tells =
            Letter::about_person(PersonTemplate::PasswordChanged, "Ada", "a@example.org", None).to_text();
        assert!(tells.contains("Dear Ada,") && !tells.contains("souk_"), "{tells}");
    }
}
