//! Second factors: how somebody comes by one, shows it, and is rid of it.

use souk_core::family::{self, Family, Reply, Shown};
use souk_core::ids::{CredentialId, Principal, StreamId, UserId};
use souk_core::person::factors::{Code, Order, SecondFactor};
use souk_core::person::lock::Place;
use souk_core::person::{self, Command, Person, Rejection, Standing};
use souk_core::time::Timestamp;
use zeroize::Zeroizing;

use crate::store::credentials::{self, Content, Credential, Kind};
use crate::tenants::access_tokens::AccessRefused;
use crate::tenants::passwords::Password;
use crate::tenants::scope::STEPPED_UP_FOR_MS;
use crate::tenants::second_factors::{Authenticator, PresentedCode, TotpHalf};
use crate::tenants::{PersonScope, new_id};

use super::tries::{Try, Who};
use super::{People, PeopleError};

type Trace = Option<u128>;

/// What somebody puts into their authenticator. Shown once.
pub struct Enrolment {
    /// Names the secret.
    pub totp: CredentialId,
    /// The secret, to be typed.
    pub secret: Zeroizing<String>,
    /// The same, to be read from a picture.
    pub uri: Zeroizing<String>,
}

impl std::fmt::Debug for Enrolment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Enrolment({}, ***)", self.totp)
    }
}

/// Recovery codes. Shown once.
pub struct RecoveryCodes(pub Vec<Zeroizing<String>>);

impl std::fmt::Debug for RecoveryCodes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RecoveryCodes(***)")
    }
}

/// What somebody shows once more who is signed in.
#[derive(Debug)]
pub enum ShownAgain {
    /// The password, which is enough for whoever has no second factor.
    Password(Password),
    /// A code of the second factor.
    Code(PresentedCode),
}

impl People {
    /// The person's second factor; `None` when they have none.
    ///
    /// # Errors
    /// When their machine is not reached.
    pub async fn second_factor(&self, scope: PersonScope) -> Result<Option<SecondFactor>, PeopleError> {
        Ok(self.standing(scope.person()).await?.and_then(|standing| standing.second))
    }

    /// The person wants a second factor: its secret, which holds once they have shown a code of it.
    ///
    /// # Errors
    /// When they have one, or have not shown who they are lately.
    pub async fn begin_totp(&self, scope: PersonScope, trace: Trace) -> Result<Enrolment, PeopleError> {
        scope.stepped_up(self.now())?;
        let person = scope.person();
        let account = self.mail_of(scope).await?.unwrap_or_else(|| person.to_string());
        let (totp, half) = (CredentialId(new_id(self.now())?), TotpHalf::new()?);
        let uri = self.server_key.enrolment(totp, &half, (&self.settings.shop, &account));
        let uri = uri.map_err(|error| PeopleError::Internal(format!("a factor cannot be named: {error}")))?;
        self.put_row(person, Kind::Totp, totp, half.expose()).await?;
        let begun = self.factor_order(person, Order::Begin { totp }, trace).await;
        self.settle(person, Kind::Totp, totp, begun).await?;
        let secret = self.server_key.authenticator(totp, &half).secret();
        Ok(Enrolment { totp, secret, uri })
    }

    /// The person shows a first code: from now on it is asked for. The recovery codes that come with it.
    ///
    /// # Errors
    /// When the code is not good, or there is nothing to confirm; when another sign-in has confirmed it.
    pub async fn confirm_totp(
        &self,
        scope: PersonScope,
        code: &PresentedCode,
        trace: Trace,
    ) -> Result<RecoveryCodes, PeopleError> {
        let person = scope.person();
        let handle = self.node.handle::<Person>();
        let (state, _) = handle.read(StreamId::Person(person), self.settings.patience).await?;
        let factors = state.account.map(|account| account.factors).unwrap_or_default();
        // What was confirmed a moment ago, when the answer to that was lost.
        let confirmed = factors.factor.map(|factor| (factor.totp, Some(factor.codes)));
        let waiting = factors.begun.map(|(totp, _)| (totp, None));
        let (totp, known) = confirmed.or(waiting).ok_or(PeopleError::NoFactor)?;
        if known.is_some() {
            // The code was consumed: to any other sign-in than the one that showed it then it is good for nothing.
            scope.stepped_up(self.now())?;
        }
        let tried = self.tries.begin(Who::Person(person), self.now())?;
        let told = self.confirm(person, (totp, known), code, trace).await;
        let standing = self.tried(person, tried, told, trace).await?;
        if known.is_none() {
            self.step_up_by(&scope, Shown::Code, trace).await?;
        }
        let second = standing.second.ok_or(PeopleError::NoFactor)?;
        Ok(RecoveryCodes(self.server_key.recovery_codes(person, second.codes)))
    }

    async fn confirm(
        &self,
        person: UserId,
        (totp, known): (CredentialId, Option<CredentialId>),
        code: &PresentedCode,
        trace: Trace,
    ) -> Result<Standing, PeopleError> {
        let authenticator = self.authenticator(totp).await?.ok_or(PeopleError::NoFactor)?;
        let step = authenticator.step_of(code, self.now()).ok_or(PeopleError::WrongCode)?;
        if let Some(codes) = known {
            return self.factor_order(person, Order::Confirm { totp, step, codes }, trace).await;
        }
        let codes = self.put_recovery(person).await?;
        let confirmed = self.factor_order(person, Order::Confirm { totp, step, codes }, trace).await;
        self.settle(person, Kind::Recovery, codes, confirmed).await
    }

    /// The person wants other recovery codes.
    ///
    /// # Errors
    /// When they have no second factor, or have not shown it lately.
    pub async fn renew_recovery(
        &self,
        scope: PersonScope,
        trace: Trace,
    ) -> Result<RecoveryCodes, PeopleError> {
        scope.stepped_up(self.now())?;
        let person = scope.person();
        let codes = self.put_recovery(person).await?;
        let renewed = self.factor_order(person, Order::Renew { codes }, trace).await;
        self.settle(person, Kind::Recovery, codes, renewed).await?;
        Ok(RecoveryCodes(self.server_key.recovery_codes(person, codes)))
    }

    /// The person wants no second factor any more.
    ///
    /// # Errors
    /// When they have none, or have not shown it lately.
    pub async fn remove_factor(&self, scope: PersonScope, trace: Trace) -> Result<(), PeopleError> {
        scope.stepped_up(self.now())?;
        let person = scope.person();
        let had = self.second_factor(scope).await?.ok_or(PeopleError::NoFactor)?;
        self.factor_order(person, Order::Remove, trace).await?;
        for (kind, row) in [(Kind::Totp, had.totp), (Kind::Recovery, had.codes)] {
            // Nobody names it any more: what is left of it is good for nothing.
            if let Err(error) = credentials::remove(&self.rows, kind, &row.to_string()).await {
                tracing::warn!(%person, %row, %error, "a row of a removed factor stays");
            }
        }
        Ok(())
    }

    /// The person shows once more who they are: until when that is good.
    ///
    /// # Errors
    /// When what they show is not good, or a code is needed.
    pub async fn step_up(
        &self,
        scope: PersonScope,
        shown: ShownAgain,
        trace: Trace,
    ) -> Result<Timestamp, PeopleError> {
        let person = scope.person();
        let by = match &shown {
            ShownAgain::Password(_) => Shown::Password,
            ShownAgain::Code(_) => Shown::Code,
        };
        let tried = self.tries.begin(Who::Person(person), self.now())?;
        let told = match shown {
            ShownAgain::Password(password) => self.show_again(person, password, trace).await,
            ShownAgain::Code(code) => {
                self.show_code(person, &code, |code| Command::Factor(Order::Show { code }), trace).await
            }
        };
        self.tried(person, tried, told, trace).await?;
        self.step_up_by(&scope, by, trace).await
    }

    async fn show_again(
        &self,
        person: UserId,
        password: Password,
        trace: Trace,
    ) -> Result<Standing, PeopleError> {
        let standing = self.standing(person).await?;
        let password =
            self.is_password(standing.as_ref(), password).await?.ok_or(PeopleError::WrongPassword)?;
        let command = Command::MaySignIn { password, from: Place::Shown, code: None };
        self.shown(person, command, trace).await
    }

    /// Somebody who knows the password, or is signed in, shows a code; the order that consumes it.
    pub(super) async fn show_code(
        &self,
        person: UserId,
        code: &PresentedCode,
        command: impl FnOnce(Code) -> Command,
        trace: Trace,
    ) -> Result<Standing, PeopleError> {
        let standing = self.standing(person).await?;
        let second = standing.and_then(|standing| standing.second).ok_or(PeopleError::NoFactor)?;
        let code = self.known_code(second, code).await?.ok_or(PeopleError::WrongCode)?;
        self.shown(person, command(code), trace).await
    }

    /// Which code of a factor somebody has typed; `None` when it is none.
    async fn known_code(
        &self,
        second: SecondFactor,
        code: &PresentedCode,
    ) -> Result<Option<Code>, PeopleError> {
        let SecondFactor { totp, codes, .. } = second;
        let authenticator = self.authenticator(totp).await?;
        if let Some(step) = authenticator.and_then(|known| known.step_of(code, self.now())) {
            return Ok(Some(Code::Totp { totp, step }));
        }
        let row = credentials::find(&self.rows, Kind::Recovery, &codes.to_string()).await?;
        let number = row.and_then(|row| self.server_key.recovery_number(codes, row.content.expose(), code));
        Ok(number.map(|number| Code::Recovery { codes, number }))
    }

    /// What came of a try of somebody who had shown one thing already.
    pub(super) async fn tried<T>(
        &self,
        person: UserId,
        tried: Try<'_>,
        told: Result<T, PeopleError>,
        trace: Trace,
    ) -> Result<T, PeopleError> {
        match told {
            Ok(told) => {
                tried.succeed();
                Ok(told)
            }
            Err(error @ (PeopleError::WrongCode | PeopleError::WrongPassword)) => {
                self.count_failure(person, Place::Shown, tried.earlier(), trace).await?;
                Err(error)
            }
            Err(error) => {
                tried.take_back();
                Err(error)
            }
        }
    }

    async fn step_up_by(
        &self,
        scope: &PersonScope,
        by: Shown,
        trace: Trace,
    ) -> Result<Timestamp, PeopleError> {
        let (family, who) = (scope.family(), (Principal::Person(scope.person()), trace));
        let order = family::Command::StepUp { by };
        let told = self.order::<Family>(StreamId::Family(family), order, who, self.settings.patience).await?;
        match told {
            Ok(Reply::Live { .. }) => {
                let shown_at = self.sign_in_of(family).await?.map(|sign_in| sign_in.shown_at());
                Ok(shown_at.ok_or(AccessRefused::SignedOut)?.plus_millis(STEPPED_UP_FOR_MS))
            }
            Ok(Reply::Over { .. }) | Err(_) => Err(AccessRefused::SignedOut.into()),
        }
    }

    async fn authenticator(&self, totp: CredentialId) -> Result<Option<Authenticator>, PeopleError> {
        let row = credentials::find(&self.rows, Kind::Totp, &totp.to_string()).await?;
        let half = row.and_then(|row| TotpHalf::from_slice(row.content.expose()));
        Ok(half.map(|half| self.server_key.authenticator(totp, &half)))
    }

    async fn put_recovery(&self, person: UserId) -> Result<CredentialId, PeopleError> {
        let codes = CredentialId(new_id(self.now())?);
        let row = self.server_key.recovery_row(person, codes);
        self.put_row(person, Kind::Recovery, codes, &row).await?;
        Ok(codes)
    }

    /// Puts a row before the event that names it.
    async fn put_row(
        &self,
        person: UserId,
        kind: Kind,
        row: CredentialId,
        content: &[u8],
    ) -> Result<(), PeopleError> {
        let credential = Credential { stream: StreamId::Person(person), content: Content::from(content) };
        credentials::put(&self.rows, kind, &row.to_string(), &credential, self.now()).await?;
        Ok(())
    }

    /// The order that names a new row was answered: of its kind only what is named stays.
    async fn settle(
        &self,
        person: UserId,
        kind: Kind,
        row: CredentialId,
        told: Result<Standing, PeopleError>,
    ) -> Result<Standing, PeopleError> {
        let (stream, key) = (StreamId::Person(person), row.to_string());
        let settled = match &told {
            Ok(_) => credentials::remove_older(&self.rows, kind, stream, &key).await,
            // It may have happened: the sweeper finds out.
            Err(PeopleError::Call(_)) => Ok(()),
            Err(_) => credentials::remove(&self.rows, kind, &key).await,
        };
        if let Err(error) = settled {
            tracing::warn!(%stream, %error, "a row that nobody names was not removed; the sweeper will");
        }
        told
    }

    async fn factor_order(
        &self,
        person: UserId,
        order: Order,
        trace: Trace,
    ) -> Result<Standing, PeopleError> {
        self.shown(person, Command::Factor(order), trace).await
    }

    /// Gives an order of somebody who has shown something.
    async fn shown(&self, person: UserId, command: Command, trace: Trace) -> Result<Standing, PeopleError> {
        Err(match self.command(person, command, trace).await? {
            Ok(person::Reply::Account(standing)) => return Ok(standing),
            Err(Rejection::CodeSpent) => PeopleError::WrongCode,
            Err(Rejection::CodeNeeded) => PeopleError::CodeNeeded,
            Err(Rejection::PasswordChanged) => PeopleError::WrongPassword,
            Err(Rejection::NoFactor | Rejection::NotFound) => PeopleError::NoFactor,
            Err(Rejection::FactorExists) => PeopleError::FactorExists,
            Err(Rejection::Locked { until }) => PeopleError::delayed(until, self.now()),
            Err(rejection) => {
                PeopleError::Internal(format!("{person} refuses what it may not: {rejection:?}"))
            }
        })
    }
}
