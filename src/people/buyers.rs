//! Shoppers that a person was before they had an account, or before they signed in.

use std::sync::Arc;

use souk_core::ids::{BuyerId, StreamId};
use souk_core::person::{Command, Person, Rejection};

use crate::store::credentials::{self, Content, Credential, Kind};
use crate::tenants::{BuyersScope, PersonScope};

use super::{People, PeopleError};

impl People {
    /// The person shows the token of a cart: what the shopper of that cart orders is theirs from now on. An order's token shows
    /// nothing of the kind, it is passed on to whoever receives the parcel; nor does an equal mail address.
    ///
    /// # Errors
    /// When the token is not good, or somebody else has shown it before.
    pub async fn adopt(
        &self,
        scope: PersonScope,
        token: &str,
        trace: Option<u128>,
    ) -> Result<BuyerId, PeopleError> {
        let opened = self.server_key.open_token(token).ok().filter(|opened| opened.checkout().is_some());
        let buyer = opened.ok_or(PeopleError::TokenRefused)?.buyer();
        let (stream, key) = (StreamId::Person(scope.person()), buyer.to_string());
        // One of two who show it at the same time finds the other's row.
        let row = Credential { stream, content: Content::from(key.as_bytes()) };
        let is_new = credentials::put(&self.rows, Kind::Buyer, &key, &row, self.now()).await?;
        if !is_new {
            let known = credentials::find(&self.rows, Kind::Buyer, &key).await?;
            if known.is_some_and(|known| known.stream != stream) {
                return Err(PeopleError::AdoptedByOther);
            }
            // As new for the sweeper, which may be about to look.
            credentials::touch(&self.rows, Kind::Buyer, &key, self.now()).await?;
        }
        match self.command(scope.person(), Command::Adopt { buyer }, trace).await? {
            Ok(_) => Ok(buyer),
            Err(Rejection::TooManyBuyers) => {
                // Nobody names it; if this fails the sweeper finds it.
                let _ = credentials::remove(&self.rows, Kind::Buyer, &key).await;
                Err(PeopleError::TooManyBuyers)
            }
            Err(rejection) => Err(PeopleError::Internal(format!("{stream} adopts nobody: {rejection:?}"))),
        }
    }

    /// What a person may reach of what they ordered as guests.
    ///
    /// # Errors
    /// When their machine is not reached.
    pub async fn buyers(&self, scope: &PersonScope) -> Result<BuyersScope, PeopleError> {
        let stream = StreamId::Person(scope.person());
        let (state, _) = self.node.handle::<Person>().read(stream, self.settings.patience).await?;
        let buyers = state.account.as_ref().map(|account| account.buyers.clone()).unwrap_or_default();
        Ok(BuyersScope::of_person(scope, Arc::new(buyers)))
    }
}
