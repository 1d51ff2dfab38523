//! Accounts: asking for one, choosing a password, choosing another.

use souk_core::ids::{CredentialId, Principal, StreamId, SubjectId, UserId};
use souk_core::person::lock::Place;
use souk_core::person::{self, Command, Person, Purpose, Rejection, Standing};

use crate::store::credentials::{self, Content, Credential, Kind};
use crate::store::vault::{Address, VaultError};
use crate::tenants::passwords::{Password, PasswordRow};
use crate::tenants::{MailAddress, PersonScope, new_id};

use super::tries::Who;
use super::{People, PeopleError, at_the_same_time};

type Trace = Option<u128>;

/// How often a row may come or go between two looks before something else is wrong.
const ROW_TRIES: u32 = 4;
/// Nobody: asked in the place of whoever has no account, so that what is under way delays or refuses both alike.
pub(super) const NOBODY: UserId = UserId(0);

impl People {
    /// Somebody wants an account with this address: a letter says what to do, also to whoever has one.
    ///
    /// # Errors
    /// When it could not be written that a letter is to be sent.
    pub async fn sign_up(&self, mail: &MailAddress, trace: Trace) -> Result<(), PeopleError> {
        at_the_same_time(async {
            let (person, subject) = self.whose(mail).await?;
            self.ask(person, Command::SignUp { mail: subject }, trace).await
        })
        .await
    }

    /// Somebody has forgotten the password of the account with this address: if there is one, a letter goes there.
    ///
    /// # Errors
    /// As [`People::sign_up`].
    pub async fn ask_reset(&self, mail: &MailAddress, trace: Trace) -> Result<(), PeopleError> {
        at_the_same_time(async {
            let person = self.find_mail(mail).await?.map_or(NOBODY, |(person, _)| person);
            self.ask(person, Command::AskReset, trace).await
        })
        .await
    }

    /// The account and the subject of an address; new ones when there are none.
    async fn whose(&self, mail: &MailAddress) -> Result<(UserId, SubjectId), PeopleError> {
        let (person, subject) = self.mail_row(mail).await?;
        let address = Address { email: mail.expose().into(), ..Address::default() };
        match self.vault.put(subject, StreamId::Person(person), &address).await {
            // The same address in other letters.
            Ok(()) | Err(VaultError::Occupied { .. }) => Ok((person, subject)),
            Err(error) => Err(error.into()),
        }
    }

    /// Finds or puts the row of an address, as new for the sweeper, which may come between.
    async fn mail_row(&self, mail: &MailAddress) -> Result<(UserId, SubjectId), PeopleError> {
        let index = self.server_key.mail_index(mail);
        for _ in 0..ROW_TRIES {
            if let Some(known) = self.find_mail(mail).await? {
                if credentials::touch(&self.rows, Kind::Mail, &index, self.now()).await? {
                    return Ok(known);
                }
                continue;
            }
            let (person, subject) = (UserId(new_id(self.now())?), SubjectId(new_id(self.now())?));
            let content = Content::from(subject.to_string().as_bytes());
            let row = Credential { stream: StreamId::Person(person), content };
            if credentials::put(&self.rows, Kind::Mail, &index, &row, self.now()).await? {
                return Ok((person, subject));
            }
        }
        Err(PeopleError::Internal("a row of a mail address comes and goes".to_owned()))
    }

    /// Whose address this is, or would be.
    pub(super) async fn find_mail(
        &self,
        mail: &MailAddress,
    ) -> Result<Option<(UserId, SubjectId)>, PeopleError> {
        let index = self.server_key.mail_index(mail);
        let Some(row) = credentials::find(&self.rows, Kind::Mail, &index).await? else { return Ok(None) };
        let subject = std::str::from_utf8(row.content.expose()).ok().and_then(|text| text.parse().ok());
        match (row.stream, subject) {
            (StreamId::Person(person), Some(subject)) => Ok(Some((person, subject))),
            _ => Err(PeopleError::Internal(format!(
                "the row of the mail address of {} is damaged",
                row.stream
            ))),
        }
    }

    /// A letter is asked for. That one was sent a moment ago is nobody's business but its owner's.
    async fn ask(&self, person: UserId, command: Command, trace: Trace) -> Result<(), PeopleError> {
        match self.command(person, command, trace).await? {
            Ok(_) | Err(Rejection::TooSoon { .. } | Rejection::NotFound) => Ok(()),
            Err(rejection) => Err(unexpected(person, rejection)),
        }
    }

    /// Somebody has got the letter to a mail address and chooses a password: the address is theirs.
    ///
    /// # Errors
    /// When the token is not good, or the password is not taken.
    pub async fn verify(&self, token: &str, password: Password, trace: Trace) -> Result<UserId, PeopleError> {
        self.by_letter(Purpose::Verify, token, password, trace).await
    }

    /// Somebody has got the letter to their address and chooses another password: everybody who was signed in is out.
    ///
    /// # Errors
    /// As [`People::verify`].
    pub async fn reset(&self, token: &str, password: Password, trace: Trace) -> Result<UserId, PeopleError> {
        self.by_letter(Purpose::Reset, token, password, trace).await
    }

    async fn by_letter(
        &self,
        purpose: Purpose,
        token: &str,
        password: Password,
        trace: Trace,
    ) -> Result<UserId, PeopleError> {
        let opened = self.server_key.open_letter_token(purpose, token);
        let (person, token) = opened.map_err(|_| PeopleError::TokenRefused)?;
        // Looked at first: what costs a hash must not be had with a token that was used long ago.
        let handle = self.node.handle::<Person>();
        let (state, _) = handle.read(StreamId::Person(person), self.settings.patience).await?;
        let takes = |account: &person::Account| account.takes(purpose, token, self.now());
        let standing = state.standing().filter(|_| state.account.as_ref().is_some_and(takes));
        let password = self.put_password(&standing.ok_or(PeopleError::TokenSpent)?, password).await?;
        let command = match purpose {
            Purpose::Verify => Command::Verify { token, password },
            Purpose::Reset => Command::Reset { token, password },
        };
        self.choose(person, command, password, trace).await?;
        self.forget_failures(person).await;
        Ok(person)
    }

    /// Whoever has the letter waits for nobody's failures. Their account knows that; this process forgets it here.
    async fn forget_failures(&self, person: UserId) {
        let mail = async {
            let standing = self.standing(person).await.ok().flatten()?;
            let address = self.vault.get(standing.mail).await.ok().flatten()?;
            address.email.expose().parse::<MailAddress>().ok()
        };
        let mail = mail.await.map(|mail| self.server_key.mail_number(&mail));
        self.tries.forget(person, mail);
    }

    /// A person who knows the old password chooses another; everybody who was signed in is out.
    ///
    /// # Errors
    /// When the old one is not theirs, or the new one is not taken.
    pub async fn change_password(
        &self,
        scope: PersonScope,
        old: Password,
        new: Password,
        trace: Trace,
    ) -> Result<(), PeopleError> {
        let person = scope.person();
        let tried = self.tries.begin(Who::Person(person), self.now())?;
        let changed = async {
            let standing = self.standing(person).await?.ok_or(PeopleError::WrongPassword)?;
            let old = self.is_password(Some(&standing), old).await?.ok_or(PeopleError::WrongPassword)?;
            let new = self.put_password(&standing, new).await?;
            self.choose(person, Command::ChangePassword { old, new }, new, trace).await
        };
        match changed.await {
            Ok(()) => tried.succeed(),
            Err(PeopleError::WrongPassword) => {
                self.count_failure(person, Place::Shown, tried.earlier(), trace).await?;
                return Err(PeopleError::WrongPassword);
            }
            Err(error) => {
                tried.take_back();
                return Err(error);
            }
        }
        Ok(())
    }

    /// Which of a person's credentials this password is; `None` when it is not theirs. Costs one hash in any case.
    pub(super) async fn is_password(
        &self,
        standing: Option<&Standing>,
        password: Password,
    ) -> Result<Option<CredentialId>, PeopleError> {
        let holds = standing.and_then(|standing| standing.password);
        let row = match holds {
            Some(id) => credentials::find(&self.rows, Kind::Password, &id.to_string()).await?,
            None => None,
        };
        let row = row.and_then(|row| PasswordRow::from_slice(row.content.expose()));
        let is_it = self.hasher.verify(password, row).await?;
        Ok(holds.filter(|_| is_it))
    }

    /// Hashes it and puts the row, before the event that names it.
    async fn put_password(
        &self,
        standing: &Standing,
        password: Password,
    ) -> Result<CredentialId, PeopleError> {
        let mail = self.vault.get(standing.mail).await?.map(|address| address.email.expose().to_owned());
        let mail = mail.unwrap_or_default();
        let name = mail.split('@').next().unwrap_or_default().to_owned();
        let hash = self.hasher.hash(password, vec![mail, name]).await?;
        let id = CredentialId(new_id(self.now())?);
        let row = Credential {
            stream: StreamId::Person(standing.person),
            content: Content::from(hash.expose().as_bytes()),
        };
        credentials::put(&self.rows, Kind::Password, &id.to_string(), &row, self.now()).await?;
        Ok(id)
    }

    /// The order that names the new row. Of its row and those before it the one that holds stays.
    async fn choose(
        &self,
        person: UserId,
        command: Command,
        password: CredentialId,
        trace: Trace,
    ) -> Result<(), PeopleError> {
        let (stream, key) = (StreamId::Person(person), password.to_string());
        let chosen = match self.command(person, command, trace).await? {
            Ok(_) => {
                let removed = credentials::remove_older(&self.rows, Kind::Password, stream, &key).await;
                return removed.or_else(|error| {
                    tracing::warn!(%stream, %error, "an old password's hash was not removed; the sweeper will");
                    Ok(())
                });
            }
            Err(Rejection::TokenSpent | Rejection::NotFound) => PeopleError::TokenSpent,
            Err(Rejection::PasswordChanged) => PeopleError::WrongPassword,
            Err(Rejection::Locked { until }) => PeopleError::delayed(until, self.now()),
            Err(rejection) => unexpected(person, rejection),
        };
        // Nobody names it; if this fails the sweeper finds it.
        let _ = credentials::remove(&self.rows, Kind::Password, &key).await;
        Err(chosen)
    }

    /// A person signs out everywhere.
    ///
    /// # Errors
    /// When their machine is not reached.
    pub async fn end_sign_ins(&self, scope: PersonScope, trace: Trace) -> Result<(), PeopleError> {
        match self.command(scope.person(), Command::EndSignIns, trace).await? {
            Ok(_) => Ok(()),
            Err(rejection) => Err(unexpected(scope.person(), rejection)),
        }
    }

    /// The person's own mail address; `None` when it was erased.
    ///
    /// # Errors
    /// When the vault does not answer.
    pub async fn mail_of(&self, scope: PersonScope) -> Result<Option<String>, PeopleError> {
        let Some(standing) = self.standing(scope.person()).await? else { return Ok(None) };
        let address = self.vault.get(standing.mail).await?;
        Ok(address.map(|address| address.email.expose().to_owned()))
    }

    pub(super) async fn command(
        &self,
        person: UserId,
        command: Command,
        trace: Trace,
    ) -> Result<Result<person::Reply, Rejection>, PeopleError> {
        let who = (Principal::Person(person), trace);
        let told =
            self.order::<Person>(StreamId::Person(person), command, who, self.settings.patience).await?;
        Ok(told)
    }
}

fn unexpected(person: UserId, rejection: Rejection) -> PeopleError {
    PeopleError::Internal(format!("{person} refuses what it may not: {rejection:?}"))
}
