//! Sign-ins: the first tokens, the next ones, and what an access token opens.

use std::net::IpAddr;
use std::time::Duration;

use souk_core::family::{self, Audience, Begin, Command, EndReason, Family, Method, Reply, SignIn};
use souk_core::ids::{FamilyId, Principal, StreamId, UserId};
use souk_core::person::lock::Place;
use souk_core::person::{self, Standing};
use souk_core::time::Timestamp;
use tokio::time::Instant;

use crate::store::credentials::{self, Content, Credential, Kind};
use crate::tenants::access_tokens::{self, AccessRefused, Holder, Surface};
use crate::tenants::passwords::Password;
use crate::tenants::refresh_tokens::{FamilySecret, PresentedRefresh};
use crate::tenants::second_factors::PresentedCode;
use crate::tenants::{MailAddress, PersonScope, new_id};

use super::account::NOBODY;
use super::tries::{Try, Who};
use super::{People, PeopleError, SAME_TIME, Settings, Tokens};

/// How long a refresh is waited for. Much shorter than the time in which its repeat is told the same: whoever hears nothing
/// asks again, and must not be taken for a thief.
const REFRESH_PATIENCE: Duration = Duration::from_millis(family::GRACE_MS.unsigned_abs() / 2);

/// What somebody shows who wants to sign in, and from where.
#[derive(Debug)]
pub struct Presented {
    /// The password.
    pub password: Password,
    /// A code of the second factor. Whoever has none needs none.
    pub code: Option<PresentedCode>,
    /// The network they are in; `None` when nobody knows.
    pub network: Option<IpAddr>,
}

fn took_back<T>(tried: Try<'_>, error: PeopleError) -> Result<T, PeopleError> {
    tried.take_back();
    Err(error)
}

impl People {
    /// Somebody with an account signs in.
    ///
    /// # Errors
    /// [`PeopleError::WrongPassword`] whatever was wrong, always after the same time; [`PeopleError::Delayed`] after too many
    /// of them, whether or not there is an account.
    pub async fn sign_in(
        &self,
        mail: &MailAddress,
        presented: Presented,
        audience: Audience,
        trace: Option<u128>,
    ) -> Result<Tokens, PeopleError> {
        let from = Instant::now();
        let signed_in = self.try_to_sign_in(mail, presented, audience, trace).await;
        if matches!(signed_in, Err(PeopleError::WrongPassword)) {
            tokio::time::sleep_until(from + SAME_TIME).await;
        }
        signed_in
    }

    async fn try_to_sign_in(
        &self,
        mail: &MailAddress,
        presented: Presented,
        audience: Audience,
        trace: Option<u128>,
    ) -> Result<Tokens, PeopleError> {
        let number = self.server_key.mail_number(mail);
        let tried = self.tries.begin(Who::Mail(number, presented.network), self.now())?;
        let from = Place::Network(self.server_key.network_number(number, presented.network));
        let person = match self.find_mail(mail).await {
            Ok(known) => known.map_or(NOBODY, |(person, _)| person),
            Err(error) => return took_back(tried, error),
        };
        match self.show(person, presented, from, trace).await {
            Ok((standing, method)) => {
                tried.succeed();
                let Settings { idle_ms, lasts_ms, .. } = self.settings;
                let (person, round) = (standing.person, standing.round);
                let begin = Begin { person, round, audience, method, parent: None, idle_ms, lasts_ms };
                self.begin(begin, trace).await
            }
            Err(PeopleError::WrongPassword) => {
                self.count_failure(person, from, tried.earlier(), trace).await?;
                Err(PeopleError::WrongPassword)
            }
            Err(error) => took_back(tried, error),
        }
    }

    /// Somebody says that they are this person, and shows the password, and a code where one is asked for.
    async fn show(
        &self,
        person: UserId,
        presented: Presented,
        from: Place,
        trace: Option<u128>,
    ) -> Result<(Standing, Method), PeopleError> {
        let Presented { password, code, .. } = presented;
        let known = if person == NOBODY { None } else { self.standing(person).await? };
        let password = self.is_password(known.as_ref(), password).await?.ok_or(PeopleError::WrongPassword)?;
        let may = |code| person::Command::MaySignIn { password, from, code };
        match self.command(person, may(None), trace).await? {
            Ok(person::Reply::Account(standing)) => return Ok((standing, Method::Password)),
            // From here on they know that the password was right.
            Err(person::Rejection::CodeNeeded) => {}
            // Also when it is the right one and its account waits: who does not know it learns nothing.
            Err(_) => return Err(PeopleError::WrongPassword),
        }
        let code = code.ok_or(PeopleError::CodeNeeded)?;
        let tried = self.tries.begin(Who::Person(person), self.now())?;
        let told = self.show_code(person, &code, |code| may(Some(code)), trace).await;
        // What is wrong now is the code: a password that was changed in between counts as one, too.
        let told = told.map_err(|error| match error {
            PeopleError::WrongPassword => PeopleError::WrongCode,
            other => other,
        });
        let standing = self.tried(person, tried, told, trace).await?;
        Ok((standing, Method::PasswordAndCode))
    }

    /// Somebody has failed to show that they are this person. Nobody is asked the same, so that it takes the same.
    pub(super) async fn count_failure(
        &self,
        person: UserId,
        at: Place,
        earlier: u32,
        trace: Option<u128>,
    ) -> Result<(), PeopleError> {
        match self.command(person, person::Command::CountFailure { at, earlier }, trace).await? {
            Ok(_) | Err(person::Rejection::NotFound) => Ok(()),
            Err(rejection) => Err(PeopleError::Internal(format!("{person} counts nothing: {rejection:?}"))),
        }
    }

    pub(super) async fn begin(&self, begin: Begin, trace: Option<u128>) -> Result<Tokens, PeopleError> {
        let (family, secret) = (FamilyId(new_id(self.now())?), FamilySecret::new()?);
        let stream = StreamId::Family(family);
        let row = Credential { stream, content: Content::from(secret.expose()) };
        credentials::put(&self.rows, Kind::Family, &family.to_string(), &row, self.now()).await?;
        let who = (Principal::Person(begin.person), trace);
        let told = self.order::<Family>(stream, Command::Begin(begin), who, self.settings.patience).await?;
        match told {
            Ok(Reply::Live { generation, good_until, .. }) => {
                let sign_in = self.sign_in_of(family).await?.ok_or(AccessRefused::SignedOut)?;
                self.tokens(&secret, &sign_in, (family, generation, good_until)).await
            }
            other => Err(PeopleError::Internal(format!("{family} cannot begin: {other:?}"))),
        }
    }

    /// The next tokens for whoever presents a refresh token. The same once more within ten seconds is told the same, also
    /// by a server that was started in between; later somebody has a copy of it, and the sign-in ends.
    ///
    /// # Errors
    /// [`AccessRefused::SignedOut`] when the sign-in is over, by this or before.
    pub async fn refresh(
        &self,
        presented: &PresentedRefresh,
        trace: Option<u128>,
    ) -> Result<Tokens, PeopleError> {
        let family = presented.family();
        let Some(secret) = self.secret_of(family).await? else {
            return Err(AccessRefused::SignedOut.into());
        };
        let opened = self.server_key.open_refresh(presented, &secret);
        let generation = opened.map_err(|_| PeopleError::TokenRefused)?;
        let sign_in = self.sign_in_of(family).await?.ok_or(AccessRefused::SignedOut)?;
        let standing = self.standing(sign_in.person).await?;
        let is_over = standing.is_none_or(|standing| standing.round != sign_in.round);
        if is_over || self.is_orphan(&sign_in).await? {
            self.end(sign_in.person, family, EndReason::Revoked, trace).await?;
            return Err(AccessRefused::SignedOut.into());
        }
        let who = (Principal::Person(sign_in.person), trace);
        let rotate = Command::Rotate { generation };
        let told = self.order::<Family>(StreamId::Family(family), rotate, who, REFRESH_PATIENCE).await?;
        match told {
            Ok(Reply::Live { generation, good_until, .. }) => {
                self.tokens(&secret, &sign_in, (family, generation, good_until)).await
            }
            Ok(Reply::Over { .. }) => {
                self.drop_secret(family).await;
                Err(AccessRefused::SignedOut.into())
            }
            Err(_) => Err(AccessRefused::SignedOut.into()),
        }
    }

    async fn secret_of(&self, family: FamilyId) -> Result<Option<FamilySecret>, PeopleError> {
        let row = credentials::find(&self.rows, Kind::Family, &family.to_string()).await?;
        Ok(row.and_then(|row| FamilySecret::from_slice(row.content.expose())))
    }

    /// What a family hands out now.
    async fn tokens(
        &self,
        secret: &FamilySecret,
        sign_in: &SignIn,
        (family, generation, refresh_until): (FamilyId, u32, Timestamp),
    ) -> Result<Tokens, PeopleError> {
        let SignIn { person, audience, ends_at, .. } = *sign_in;
        let now = self.now();
        // When and how somebody last showed who they are, not when they went on for a vendor.
        let root = match sign_in.parent {
            Some(parent) => self.sign_in_of(parent).await?.ok_or(AccessRefused::SignedOut)?,
            None => *sign_in,
        };
        let method = if root.has_shown_code() { Method::PasswordAndCode } else { Method::Password };
        let holder = Holder { family, person, audience, method, shown_at: root.shown_at(), ends_at };
        let key = self.keyring.signing(now).await?;
        let signed = key.sign(&self.settings.issuer, &holder, now);
        let (access, access_until) =
            signed.map_err(|error| PeopleError::Internal(format!("no token can be signed: {error}")))?;
        let refresh = self.server_key.refresh_token(secret, family, generation);
        Ok(Tokens { person, family, access, access_until, refresh, refresh_until })
    }

    /// What an access token opens on this surface, now: its sign-in lives and is of the person's round.
    ///
    /// # Errors
    /// [`PeopleError::Access`] says why it opens nothing.
    pub async fn admit(&self, token: &str, surface: Surface) -> Result<PersonScope, PeopleError> {
        let now = self.now();
        let id = access_tokens::key_of(token).ok_or(AccessRefused::Malformed)?;
        let key = self.keyring.named(&id).await?.ok_or(AccessRefused::UnknownKey)?;
        let verified = key.verify(token, &self.settings.issuer, surface, now)?;
        let sign_in = self.sign_in_of(verified.family).await?;
        let parent = match sign_in.and_then(|sign_in| sign_in.parent) {
            Some(parent) => self.sign_in_of(parent).await?,
            None => None,
        };
        let standing = self.standing(verified.person).await?;
        Ok(verified.admit((sign_in.as_ref(), parent.as_ref()), standing.as_ref(), now)?)
    }

    /// Whether it came of another sign-in that is over.
    async fn is_orphan(&self, sign_in: &SignIn) -> Result<bool, PeopleError> {
        let Some(parent) = sign_in.parent else { return Ok(false) };
        let parent = self.sign_in_of(parent).await?;
        Ok(!sign_in.comes_of_live(parent.as_ref(), self.now()))
    }

    /// The person signs out here. Doing it twice is doing it once.
    ///
    /// # Errors
    /// When the sign-in's machine is not reached.
    pub async fn sign_out(&self, scope: PersonScope, trace: Option<u128>) -> Result<(), PeopleError> {
        self.end(scope.person(), scope.family(), EndReason::SignedOut, trace).await
    }

    async fn end(
        &self,
        person: UserId,
        family: FamilyId,
        reason: EndReason,
        trace: Option<u128>,
    ) -> Result<(), PeopleError> {
        let (stream, who) = (StreamId::Family(family), (Principal::Person(person), trace));
        let told = self.order::<Family>(stream, Command::End { reason }, who, self.settings.patience).await?;
        told.map_err(|rejection| PeopleError::Internal(format!("{family} cannot end: {rejection:?}")))?;
        self.drop_secret(family).await;
        Ok(())
    }

    /// The family has ended, which is what counts: without its secret not even its own tokens can be told from others.
    async fn drop_secret(&self, family: FamilyId) {
        let removed = credentials::remove(&self.rows, Kind::Family, &family.to_string()).await;
        if let Err(error) = removed {
            tracing::warn!(%family, %error, "the secret of an ended sign-in was not removed; the sweeper will");
        }
    }
}
