//! Operators who are people: acting for the marketplace, and deciding who may.

use souk_core::family::Audience;
use souk_core::ids::{Principal, StreamId, UserId};
use souk_core::person::{Command, OperatorRole, Person, Rejection, Reply, Standing};

use crate::store::credentials::{self, Content, Credential, Kind};
use crate::tenants::access_tokens::{AccessRefused, Surface};
use crate::tenants::policy::OperatorPower;
use crate::tenants::{OperatorScope, PersonScope};

use super::{People, PeopleError, SecondFactorPolicy, Tokens};

/// The most operators that are listed.
const LISTED_MAX: u32 = 1_000;

impl People {
    /// Somebody who is signed in to the store goes on for the marketplace: another sign-in, with tokens of its own.
    ///
    /// # Errors
    /// [`PeopleError::NoOperator`] when they are none.
    pub async fn go_on_as_operator(
        &self,
        scope: PersonScope,
        trace: Option<u128>,
    ) -> Result<Tokens, PeopleError> {
        self.operator_role(scope.person()).await?.ok_or(PeopleError::NoOperator)?;
        self.go_on(scope, Audience::Operator, trace).await
    }

    /// What an access token opens on the operators' surface, now: its sign-in stands, and the person's role has this power.
    ///
    /// # Errors
    /// [`PeopleError::Access`] says why it opens nothing, [`PeopleError::NoPower`] that the role does not have it,
    /// [`PeopleError::SecondFactorNeeded`] that an operator must have shown a second factor.
    pub async fn admit_operator(
        &self,
        token: &str,
        power: OperatorPower,
    ) -> Result<OperatorScope, PeopleError> {
        let scope = self.admit(token, Surface::Operator).await?;
        let role = self.operator_role(scope.person()).await?.ok_or(AccessRefused::SignedOut)?;
        if self.settings.second_factor == SecondFactorPolicy::Owners && !scope.has_shown_second_factor() {
            return Err(PeopleError::SecondFactorNeeded);
        }
        OperatorScope::of_person(&scope, role, power).ok_or(PeopleError::NoPower)
    }

    /// Who is an operator now.
    ///
    /// # Errors
    /// When the database or a person's machine does not answer.
    pub async fn operators(&self, _: &OperatorScope) -> Result<Vec<Standing>, PeopleError> {
        let mut operators = Vec::new();
        for stream in credentials::of_kind(&self.rows, Kind::Operator, LISTED_MAX).await? {
            let StreamId::Person(person) = stream else { continue };
            // The row only says where to look.
            operators.extend(self.standing(person).await?.filter(|standing| standing.operator.is_some()));
        }
        Ok(operators)
    }

    /// An operator decides what a person may do for the marketplace. It holds from the next request on.
    ///
    /// # Errors
    /// [`PeopleError::NoSuchPerson`] when there is nobody to be an operator.
    pub async fn set_operator(
        &self,
        by: &OperatorScope,
        person: UserId,
        role: Option<OperatorRole>,
        trace: Option<u128>,
    ) -> Result<Standing, PeopleError> {
        let (stream, who): (_, (Principal, _)) = (StreamId::Person(person), (by.principal(), trace));
        self.standing(person).await?.ok_or(PeopleError::NoSuchPerson)?;
        let key = person.to_string();
        if role.is_some() {
            // Before the event, so that nobody is an operator who is not listed.
            let row = Credential { stream, content: Content::from(key.as_bytes()) };
            if !credentials::put(&self.rows, Kind::Operator, &key, &row, self.now()).await? {
                credentials::touch(&self.rows, Kind::Operator, &key, self.now()).await?;
            }
        }
        let set = Command::SetOperator { role };
        match self.order::<Person>(stream, set, who, self.settings.patience).await? {
            Ok(Reply::Account(standing)) => Ok(standing),
            Err(Rejection::NotFound | Rejection::NotVerified) => Err(PeopleError::NoSuchPerson),
            Err(rejection) => Err(PeopleError::Internal(format!("{person} refuses a role: {rejection:?}"))),
        }
    }

    async fn operator_role(&self, person: UserId) -> Result<Option<OperatorRole>, PeopleError> {
        Ok(self.standing(person).await?.and_then(|standing| standing.operator))
    }
}
