//! The rules of a vendor.

use crate::machine::{Ctx, Decision};
use crate::money::Rate;

use super::{
    Answer, Application, CODE_MAX, Command, Commission, Event, Field, LegalEntity, NAME_MAX, Profile,
    REASON_MAX, RULE_MAX, Rejection, Reply, Request, State, Status, Vendor, keys, team,
};

type Decided = Result<Decision<Vendor>, Rejection>;

pub(super) fn decide(state: &State, command: &Command, ctx: &Ctx) -> Decided {
    if let Command::Apply(application) = command {
        return apply(state, application, ctx);
    }
    let profile = state.profile.as_ref().ok_or(Rejection::NotFound)?;
    match command {
        // Handled above: the only order that needs no vendor.
        Command::Apply(_) => Err(Rejection::AlreadyExists),
        Command::Approve(commission) => approve(state, profile, commission, ctx),
        Command::Suspend { reason } => suspend(state, profile, reason, ctx),
        Command::Reinstate => match profile.status {
            Status::Suspended => happens(state, Event::Reinstated, Status::Active, ctx),
            Status::Active => stays(state, profile),
            status => Err(Rejection::WrongState { status }),
        },
        Command::Close { reason } => {
            check_text(reason, REASON_MAX, Field::Reason)?;
            match profile.status {
                Status::Closed => stays(state, profile),
                _ => happens(state, Event::Closed { reason: reason.clone() }, Status::Closed, ctx),
            }
        }
        Command::SetCommission(commission) => set_commission(state, profile, commission, ctx),
        Command::Team(order) => team::decide(state, profile, *order, ctx),
        // A closed vendor makes no keys, but revokes those that it has.
        Command::Keys(keys::Order::Make { .. } | keys::Order::Roll { .. })
            if profile.status == Status::Closed =>
        {
            Err(Rejection::WrongState { status: profile.status })
        }
        Command::Keys(order) => keys::decide(state, order, ctx),
        Command::Ask(Request::Terms) => Ok(Decision::unchanged(Reply::Answer(terms(state, profile)))),
    }
}

fn apply(state: &State, application: &Application, ctx: &Ctx) -> Decided {
    if let Some(profile) = &state.profile {
        if profile.application == *application {
            return stays(state, profile);
        }
        return Err(Rejection::AlreadyExists);
    }
    check_text(&application.name, NAME_MAX, Field::Name)?;
    check_entity(&application.legal_entity)?;
    happens(state, Event::Applied(application.clone()), Status::Applied, ctx)
}

fn approve(state: &State, profile: &Profile, commission: &Commission, ctx: &Ctx) -> Decided {
    check_commission(commission)?;
    match profile.status {
        Status::Applied => happens(state, Event::Approved(commission.clone()), Status::Active, ctx),
        // A second approval must not change the commission behind `SetCommission`'s back.
        Status::Active if profile.commission.as_ref() == Some(commission) => stays(state, profile),
        status => Err(Rejection::WrongState { status }),
    }
}

fn suspend(state: &State, profile: &Profile, reason: &str, ctx: &Ctx) -> Decided {
    check_text(reason, REASON_MAX, Field::Reason)?;
    match profile.status {
        Status::Active => {
            let event = Event::Suspended { reason: reason.to_owned() };
            happens(state, event, Status::Suspended, ctx)
        }
        Status::Suspended => stays(state, profile),
        status => Err(Rejection::WrongState { status }),
    }
}

/// Only where there is a commission to change: before that, [`Command::Approve`] gives it.
fn set_commission(state: &State, profile: &Profile, commission: &Commission, ctx: &Ctx) -> Decided {
    check_commission(commission)?;
    match profile.status {
        Status::Active | Status::Suspended if profile.commission.as_ref() == Some(commission) => {
            stays(state, profile)
        }
        Status::Active | Status::Suspended => {
            happens(state, Event::CommissionSet(commission.clone()), profile.status, ctx)
        }
        status => Err(Rejection::WrongState { status }),
    }
}

fn terms(state: &State, profile: &Profile) -> Answer {
    // Without a commission the vendor was never approved, so it is not active and nothing is sold at this rate.
    let commission = profile.commission.clone().unwrap_or(Commission { rate: Rate(0), rule: String::new() });
    Answer::Terms {
        active: profile.status == Status::Active,
        commission: commission.rate,
        rule: commission.rule,
        settlement: profile.application.settlement,
        seller_of_record: profile.application.seller_of_record,
        version: state.version,
    }
}

fn happens(state: &State, event: Event, status: Status, ctx: &Ctx) -> Decided {
    Ok(Decision::of(vec![event], Reply::Vendor { vendor: state.id, status, version: ctx.next_seq }))
}

fn stays(state: &State, profile: &Profile) -> Decided {
    let reply = Reply::Vendor { vendor: state.id, status: profile.status, version: state.version };
    Ok(Decision::unchanged(reply))
}

fn check_entity(entity: &LegalEntity) -> Result<(), Rejection> {
    check_text(&entity.name, NAME_MAX, Field::LegalName)?;
    let country = entity.country.as_bytes();
    if country.len() != 2 || !country.iter().all(u8::is_ascii_uppercase) {
        return Err(Rejection::Invalid { field: Field::Country });
    }
    if let Some(tax_id) = &entity.tax_id {
        check_text(tax_id, CODE_MAX, Field::TaxId)?;
    }
    check_text(&entity.series, CODE_MAX, Field::Series)?;
    if !entity.series.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte)) {
        return Err(Rejection::Invalid { field: Field::Series });
    }
    Ok(())
}

fn check_commission(commission: &Commission) -> Result<(), Rejection> {
    check_text(&commission.rule, RULE_MAX, Field::Rule)?;
    if commission.rate > Rate::ONE { Err(Rejection::InvalidRate) } else { Ok(()) }
}

fn check_text(text: &str, max: usize, field: Field) -> Result<(), Rejection> {
    if crate::text::is_line(text, max) { Ok(()) } else { Err(Rejection::Invalid { field }) }
}
