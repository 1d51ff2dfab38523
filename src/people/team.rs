//! Teams: accepting an invitation, and acting for a vendor.

use souk_core::family::{Audience, Begin, SignIn};
use souk_core::ids::{Principal, StreamId, UserId, VendorId};
use souk_core::vendor::team::Order;
use souk_core::vendor::{Command, Rejection, Reply, Role, Standing, Vendor};

use crate::actors::CallError;
use crate::tenants::access_tokens::{AccessRefused, Surface};
use crate::tenants::policy::Power;
use crate::tenants::{PersonScope, VendorScope};

use super::{People, PeopleError, SecondFactorPolicy, Settings, Tokens};

impl People {
    /// The person shows the token of an invitation: they are in the team from now on. Which one, and as what.
    ///
    /// # Errors
    /// When the token is not good any more, or they are in the team already.
    pub async fn join(
        &self,
        scope: PersonScope,
        token: &str,
        trace: Option<u128>,
    ) -> Result<(VendorId, Role), PeopleError> {
        let opened = self.server_key.open_invitation(token);
        let (vendor, invitation) = opened.map_err(|_| PeopleError::TokenRefused)?;
        let person = scope.person();
        let join = Command::Team(Order::Join { invitation, person });
        let who = (Principal::Person(person), trace);
        let told = self.order::<Vendor>(StreamId::Vendor(vendor), join, who, self.settings.patience).await?;
        match told {
            Ok(Reply::Member { role: Some(role), .. }) => Ok((vendor, role)),
            Err(Rejection::InvitationOver | Rejection::NotFound | Rejection::WrongState { .. }) => {
                Err(PeopleError::InvitationOver)
            }
            Err(Rejection::AlreadyMember) => Err(PeopleError::AlreadyMember),
            other => Err(PeopleError::Internal(format!("{vendor} told {person} {other:?}"))),
        }
    }

    /// Somebody who is signed in to the store goes on for a vendor in whose team they are: another sign-in, with tokens of
    /// its own.
    ///
    /// # Errors
    /// [`PeopleError::NotInTeam`] when they are not; nobody learns from it whether there is such a vendor.
    pub async fn go_on_for(
        &self,
        scope: PersonScope,
        vendor: VendorId,
        trace: Option<u128>,
    ) -> Result<Tokens, PeopleError> {
        self.role_in(scope.person(), vendor).await?.ok_or(PeopleError::NotInTeam)?;
        self.go_on(scope, Audience::Vendor(vendor), trace).await
    }

    /// Another sign-in that comes of this one, for another surface.
    pub(super) async fn go_on(
        &self,
        scope: PersonScope,
        audience: Audience,
        trace: Option<u128>,
    ) -> Result<Tokens, PeopleError> {
        // Of the round that was looked at, and never longer than what it comes of: a token of some minutes must not become a
        // sign-in of its own.
        let SignIn { person, round, method, ends_at, .. } = scope.sign_in();
        let left_ms = ends_at.millis_since(self.now());
        let Settings { idle_ms, lasts_ms, .. } = self.settings;
        let lasts_ms = lasts_ms.min(left_ms).max(1);
        let parent = Some(scope.family());
        self.begin(Begin { person, round, audience, method, parent, idle_ms, lasts_ms }, trace).await
    }

    /// What an access token opens on the vendors' surface, now: its sign-in stands, and the person's role in that vendor's
    /// team has this power.
    ///
    /// # Errors
    /// [`PeopleError::Access`] says why it opens nothing, [`PeopleError::NoPower`] that the role does not have it,
    /// [`PeopleError::SecondFactorNeeded`] that an owner must have shown a second factor.
    pub async fn admit_member(&self, token: &str, power: Power) -> Result<VendorScope, PeopleError> {
        let scope = self.admit(token, Surface::Vendor).await?;
        let Audience::Vendor(vendor) = scope.audience() else {
            return Err(AccessRefused::WrongAudience.into());
        };
        let role = self.role_in(scope.person(), vendor).await?.ok_or(AccessRefused::SignedOut)?;
        let is_bound = role == Role::Owner && self.settings.second_factor == SecondFactorPolicy::Owners;
        if is_bound && !scope.has_shown_second_factor() {
            return Err(PeopleError::SecondFactorNeeded);
        }
        VendorScope::of_member(&scope, role, power).ok_or(PeopleError::NoPower)
    }

    async fn role_in(&self, person: UserId, vendor: VendorId) -> Result<Option<Role>, CallError> {
        let team = self.team(vendor).await?;
        Ok(team.and_then(|team| team.members.get(&person).copied()))
    }

    /// How a vendor stands; `None` when there is none.
    pub(super) async fn team(&self, vendor: VendorId) -> Result<Option<Standing>, CallError> {
        let stream = StreamId::Vendor(vendor);
        if let Some(standing) = self.node.teams().get(stream) {
            return Ok(Some(standing));
        }
        let (state, _) = self.node.handle::<Vendor>().read(stream, self.settings.patience).await?;
        Ok(state.standing())
    }
}
