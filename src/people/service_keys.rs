//! Service keys: what a vendor's programs act with.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use souk_core::ids::{KeyId, StreamId, VendorId};
use souk_core::time::Timestamp;
use souk_core::vendor::ServiceKey;

use crate::journal::Pool;
use crate::store::credentials::{self, Content, Credential, Kind};
use crate::store::key_uses;
use crate::tenants::keys::KeyText;
use crate::tenants::service_keys::ServiceKeyRefused;
use crate::tenants::{PresentedServiceKey, ServiceKeyRow, VendorScope};

use super::{People, PeopleError};

/// How exactly it is known when a key was last used.
const NOTED_EVERY_MS: i64 = 60 * 1_000;
/// The most keys of which it is remembered here that they were noted; of others it is noted each time.
const NOTED_MAX: usize = 100_000;

/// A key as it is told to whoever looks after keys.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyTold {
    /// Which.
    pub id: KeyId,
    /// What people call it.
    pub name: String,
    /// What its vendor says of it.
    pub known: ServiceKey,
    /// When it was last used, about a minute exactly; `None` when it never was.
    pub used_at: Option<Timestamp>,
}

impl People {
    /// Puts what proves a key that is about to be made, before the event that names it; whether that is new. Made the same again
    /// by whoever repeats the request.
    ///
    /// # Errors
    /// When the name is not one, or the row cannot be written.
    pub async fn put_key(
        &self,
        vendor: VendorId,
        id: KeyId,
        name: &str,
    ) -> Result<(KeyText, bool), PeopleError> {
        let (text, row) = self.server_key.service_key(vendor, id, name)?;
        let row =
            Credential { stream: StreamId::Vendor(vendor), content: Content::from(&row.to_bytes()[..]) };
        let is_new = credentials::put(&self.rows, Kind::Key, &id.to_string(), &row, self.now()).await?;
        Ok((text, is_new))
    }

    /// It did not come to that key. If this fails the sweeper finds the row.
    pub async fn drop_key(&self, id: KeyId) {
        let _ = credentials::remove(&self.rows, Kind::Key, &id.to_string()).await;
    }

    /// What a vendor's key is called; `None` when it has none such.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn key_name(&self, vendor: VendorId, id: KeyId) -> Result<Option<String>, PeopleError> {
        let row = credentials::find(&self.rows, Kind::Key, &id.to_string()).await?;
        row.filter(|row| row.stream == StreamId::Vendor(vendor))
            .map(|row| named(id, row.content.expose()))
            .transpose()
    }

    /// A vendor's keys that were not revoked, the oldest first.
    ///
    /// # Errors
    /// When its machine or the database does not answer.
    pub async fn keys_of(&self, vendor: VendorId) -> Result<Vec<KeyTold>, PeopleError> {
        let Some(standing) = self.team(vendor).await? else { return Err(PeopleError::NotInTeam) };
        let rows = credentials::of_stream(&self.rows, Kind::Key, StreamId::Vendor(vendor)).await?;
        let rows: HashMap<String, Content> = rows.into_iter().collect();
        let mut told = Vec::new();
        for (id, known) in standing.keys.iter() {
            let row = rows.get(&id.to_string());
            let name = row.map(|content| named(*id, content.expose())).transpose()?.unwrap_or_default();
            let used_at = key_uses::last(&self.rows, *id).await?;
            told.push(KeyTold { id: *id, name, known: known.clone(), used_at });
        }
        told.sort_by_key(|key| (key.known.made_at, key.id));
        Ok(told)
    }

    /// What a service key opens, now: its secret is right, and its vendor says that it is good.
    ///
    /// # Errors
    /// [`PeopleError::ServiceKey`] says why it opens nothing.
    pub async fn admit_key(&self, presented: &PresentedServiceKey) -> Result<VendorScope, PeopleError> {
        let stream = StreamId::Vendor(presented.vendor());
        let row = credentials::find(&self.rows, Kind::Key, &presented.id().to_string()).await?;
        let row = row.filter(|row| row.stream == stream).ok_or(ServiceKeyRefused::Wrong)?;
        let row = ServiceKeyRow::of_bytes(row.content.expose()).ok_or_else(|| damaged(presented.id()))?;
        let standing = self.team(presented.vendor()).await?;
        let known = standing.as_ref().and_then(|standing| standing.keys.get(&presented.id()));
        let scope = row.admit(presented, known, self.now())?;
        self.uses.note(&self.rows, presented.id(), self.now());
        Ok(scope)
    }
}

fn named(id: KeyId, content: &[u8]) -> Result<String, PeopleError> {
    Ok(ServiceKeyRow::of_bytes(content).ok_or_else(|| damaged(id))?.name)
}

fn damaged(id: KeyId) -> PeopleError {
    PeopleError::Internal(format!("the row of {id} is damaged"))
}

/// When keys were noted to be used, so that not every request writes.
#[derive(Clone, Default, Debug)]
pub(super) struct Uses(Arc<Mutex<HashMap<KeyId, Timestamp>>>);

impl Uses {
    /// Notes it beside the request, which does not wait for that.
    fn note(&self, rows: &Pool, key: KeyId, now: Timestamp) {
        {
            let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let known = noted.get(&key);
            if known.is_some_and(|noted| now.millis_since(*noted) < NOTED_EVERY_MS) {
                return;
            }
            if noted.len() >= NOTED_MAX {
                noted.retain(|_, noted| now.millis_since(*noted) < NOTED_EVERY_MS);
            }
            if noted.len() < NOTED_MAX {
                noted.insert(key, now);
            }
        }
        let rows = rows.clone();
        tokio::spawn(async move {
            if let Err(error) = key_uses::note(&rows, key, now).await {
                tracing::warn!(%key, %error, "it was not noted that a key was used");
            }
        });
    }
}
