//! What souk's letters say.

use souk_core::any::MailTemplate;
use souk_core::ids::OrderId;

/// A letter, ready to be carried. Never logged: it names a person.
pub struct Letter {
    to: String,
    subject: String,
    body: String,
}

impl Letter {
    /// The letter of this template about this order. Line breaks in what a person typed become spaces, so that
    /// nobody writes headers of their own.
    pub fn new(template: MailTemplate, order: OrderId, name: &str, email: &str, link: Option<&str>) -> Self {
        let name = one_line(name);
        let (subject, mut body) = match template {
            MailTemplate::OrderPlaced => (
                format!("Your order {order}"),
                format!("Dear {name},\n\nthank you. Your order {order} is placed and paid.\n"),
            ),
            MailTemplate::ParcelShipped => (
                format!("On its way: {order}"),
                format!("Dear {name},\n\na parcel of your order {order} is on its way.\n"),
            ),
            MailTemplate::Cancelled => (
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
    use super::*;

    #[test]
    fn nobody_writes_headers_of_their_own() {
        let (order, email) = (OrderId(1), "a@example.org\r\nBcc: b@example.org");
        let letter = Letter::new(MailTemplate::OrderPlaced, order, "A\nB", email, Some("http://s/o?token=t"));
        let text = letter.to_text();
        assert!(text.starts_with("To: a@example.org  Bcc: b@example.org\nSubject: "), "{text}");
        assert!(text.contains("Dear A B,"), "{text}");
        assert!(text.ends_with("See your order: http://s/o?token=t\n"), "{text}");
    }
}
