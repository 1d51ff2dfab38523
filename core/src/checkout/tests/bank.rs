//! A bank that does everything a bank does: says yes, no, not yet; says nothing and has done it, or not, or does
//! it later; and answers the same call under the same key with the same deed.

use std::collections::BTreeMap;

use crate::ids::PaymentId;
use crate::payment::{Method, Operation, ProviderCall, ProviderFact};
use crate::time::Timestamp;

/// Numbers that look random and are the same for the same seed.
pub(super) struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Dice(seed)
    }

    pub fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below.max(1)
    }

    pub fn percent(&mut self, percent: u64) -> bool {
        self.roll(100) < percent
    }
}

/// Where a payment stands at the bank.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Stands {
    #[default]
    Nowhere,
    Challenged,
    Awaiting,
    Reserved,
    Taken,
    Declined,
    Released,
}

/// How a call goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Mood {
    Prompt,
    /// Done, and nobody hears of it.
    Silent,
    /// Not done, so many times.
    Lost(u8),
    /// Done, much later.
    Late,
}

#[derive(Debug)]
pub(super) struct Account {
    pub stands: Stands,
    pub amount: i64,
    method: Method,
    /// What the bank thinks of this card.
    verdict: u64,
    refuses_capture: bool,
    moods: BTreeMap<String, Mood>,
    /// What was given back, by key.
    pub refunds: BTreeMap<String, i64>,
}

/// Deeds that are done later.
#[derive(Clone, Debug)]
enum Later {
    Authorise,
    Capture,
}

#[derive(Default)]
pub(super) struct Bank {
    pub accounts: BTreeMap<PaymentId, Account>,
    later: Vec<(Timestamp, PaymentId, Later)>,
    /// What it will tell by itself, and whether that may get lost.
    pub notices: Vec<(PaymentId, ProviderFact, bool)>,
}

impl Bank {
    pub fn call(&mut self, call: &ProviderCall, now: Timestamp, dice: &mut Dice) -> ProviderFact {
        match &call.operation {
            Operation::Authorise { amount, method } => {
                let verdict = dice.roll(10);
                let refuses_capture = dice.percent(8);
                self.accounts.entry(call.payment).or_insert_with(|| Account {
                    stands: Stands::Nowhere,
                    amount: amount.minor,
                    method: method.clone(),
                    verdict,
                    refuses_capture,
                    moods: BTreeMap::new(),
                    refunds: BTreeMap::new(),
                });
                self.moody(call, now, dice, Later::Authorise)
            }
            Operation::Capture { .. } => self.moody(call, now, dice, Later::Capture),
            Operation::Void => self.void(call, dice),
            Operation::Refund { amount } => self.refund(call, amount.minor, dice),
            Operation::LookUp { of } => self.look_up(call.payment, of, dice),
        }
    }

    fn account(&mut self, payment: PaymentId) -> &mut Account {
        self.accounts.get_mut(&payment).expect("a payment is authorised before anything else")
    }

    fn mood(&mut self, call: &ProviderCall, dice: &mut Dice) -> Mood {
        let mood = match dice.roll(20) {
            0..12 => Mood::Prompt,
            12..15 => Mood::Silent,
            15..18 => Mood::Lost(dice.roll(3) as u8 + 1),
            _ => Mood::Late,
        };
        *self.account(call.payment).moods.entry(call.key.clone()).or_insert(mood)
    }

    fn moody(&mut self, call: &ProviderCall, now: Timestamp, dice: &mut Dice, deed: Later) -> ProviderFact {
        match self.mood(call, dice) {
            Mood::Lost(times) => {
                let left = if times > 1 { Mood::Lost(times - 1) } else { Mood::Prompt };
                self.account(call.payment).moods.insert(call.key.clone(), left);
                return ProviderFact::Unknown;
            }
            Mood::Late => {
                let at = now.plus_millis(dice.roll(60_000) as i64);
                self.account(call.payment).moods.insert(call.key.clone(), Mood::Prompt);
                self.later.push((at, call.payment, deed));
                return ProviderFact::Unknown;
            }
            Mood::Silent => {
                self.account(call.payment).moods.insert(call.key.clone(), Mood::Prompt);
                self.do_it(call.payment, &deed, true);
                return ProviderFact::Unknown;
            }
            Mood::Prompt => {}
        }
        let refused = matches!(deed, Later::Capture) && self.account(call.payment).refuses_capture;
        if refused && self.account(call.payment).stands == Stands::Reserved {
            return ProviderFact::Failed { reason: "capture_refused".to_owned() };
        }
        self.do_it(call.payment, &deed, true);
        self.fact(call.payment)
    }

    /// The same deed twice is one deed.
    fn do_it(&mut self, payment: PaymentId, deed: &Later, may_get_lost: bool) {
        let account = self.account(payment);
        let before = account.stands;
        account.stands = match (deed, before, &account.method) {
            (Later::Authorise, Stands::Nowhere, Method::PayLater { .. }) => Stands::Awaiting,
            (Later::Authorise, Stands::Nowhere, _) if account.verdict < 2 => Stands::Declined,
            (Later::Authorise, Stands::Nowhere, Method::Instant { .. }) => Stands::Taken,
            (Later::Authorise, Stands::Nowhere, Method::Card { .. }) if account.verdict < 5 => {
                Stands::Challenged
            }
            (Later::Authorise, Stands::Nowhere, Method::Card { .. }) => Stands::Reserved,
            (Later::Capture, Stands::Reserved, _) if !account.refuses_capture => Stands::Taken,
            _ => before,
        };
        if account.stands != before {
            self.tell(payment, may_get_lost);
        }
    }

    fn tell(&mut self, payment: PaymentId, may_get_lost: bool) {
        let fact = self.fact(payment);
        self.notices.push((payment, fact, may_get_lost));
    }

    /// The shopper does at the bank's what is to be done there.
    pub fn shopper_acts(&mut self, payment: PaymentId, dice: &mut Dice) {
        let Some(account) = self.accounts.get_mut(&payment) else { return };
        account.stands = match account.stands {
            Stands::Challenged if dice.percent(80) => Stands::Reserved,
            Stands::Challenged => Stands::Declined,
            Stands::Awaiting => Stands::Taken,
            _ => return,
        };
        self.tell(payment, true);
    }

    fn void(&mut self, call: &ProviderCall, dice: &mut Dice) -> ProviderFact {
        let mood = self.mood(call, dice);
        let account = self.account(call.payment);
        if let Mood::Lost(times) = mood {
            let left = if times > 1 { Mood::Lost(times - 1) } else { Mood::Prompt };
            account.moods.insert(call.key.clone(), left);
            return ProviderFact::Unknown;
        }
        match account.stands {
            Stands::Taken => return ProviderFact::Failed { reason: "already_paid".to_owned() },
            Stands::Challenged | Stands::Awaiting | Stands::Reserved => account.stands = Stands::Released,
            _ => {}
        }
        if mood == Mood::Prompt { self.fact(call.payment) } else { ProviderFact::Unknown }
    }

    fn refund(&mut self, call: &ProviderCall, minor: i64, dice: &mut Dice) -> ProviderFact {
        let mood = self.mood(call, dice);
        let account = self.account(call.payment);
        assert_eq!(account.stands, Stands::Taken, "only money that was taken goes back");
        if let Mood::Lost(times) = mood {
            let left = if times > 1 { Mood::Lost(times - 1) } else { Mood::Prompt };
            account.moods.insert(call.key.clone(), left);
            return ProviderFact::Unknown;
        }
        let known = *account.refunds.entry(call.key.clone()).or_insert(minor);
        assert_eq!(known, minor, "one key, one deed");
        let back: i64 = account.refunds.values().sum();
        assert!(back <= account.amount, "{back} of {} go back", account.amount);
        match mood {
            Mood::Prompt => ProviderFact::Refunded { key: call.key.clone() },
            _ => ProviderFact::Unknown,
        }
    }

    fn look_up(&mut self, payment: PaymentId, of: &str, dice: &mut Dice) -> ProviderFact {
        if dice.percent(20) {
            return ProviderFact::Unknown;
        }
        if of.contains("/refund-") {
            let known = self.accounts.get(&payment).is_some_and(|account| account.refunds.contains_key(of));
            return if known { ProviderFact::Refunded { key: of.to_owned() } } else { ProviderFact::Nothing };
        }
        self.fact(payment)
    }

    fn fact(&self, payment: PaymentId) -> ProviderFact {
        match self.accounts.get(&payment).map(|account| account.stands).unwrap_or_default() {
            Stands::Nowhere => ProviderFact::Nothing,
            Stands::Challenged => ProviderFact::ActionNeeded { url: "https://bank.example".to_owned() },
            Stands::Awaiting => ProviderFact::AwaitingPayment { reference: "slip".to_owned() },
            Stands::Reserved => ProviderFact::Authorised,
            Stands::Taken => ProviderFact::Captured,
            Stands::Declined => ProviderFact::Failed { reason: "declined".to_owned() },
            Stands::Released => ProviderFact::Voided,
        }
    }

    pub fn next_deed(&self) -> Option<Timestamp> {
        self.later.iter().map(|(at, ..)| *at).min()
    }

    /// What was to be done later and is due. Nobody looks up what he believes to be over, so the notice of a
    /// late deed is repeated until it is heard.
    pub fn catch_up(&mut self, now: Timestamp) {
        let (due, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.later).into_iter().partition(|(at, ..)| *at <= now);
        self.later = later;
        for (_, payment, deed) in due {
            self.do_it(payment, &deed, false);
        }
    }
}
