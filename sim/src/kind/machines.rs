//! The machines that the world runs, one line each.

use souk_core::ask::OpenAsks;
use souk_core::checkout::{self, Checkout};
use souk_core::ids::StreamId;
use souk_core::inventory::{self, Inventory};
use souk_core::journal::{Epoch, Incarnation, Recorded};
use souk_core::machine::{CommandKey, Machine};
use souk_core::order::{self, Order};
use souk_core::payment::{self, Payment};
use souk_core::product::{self, Product};
use souk_core::time::Timestamp;
use souk_core::vendor::{self, Vendor};

use super::{AnyHost, AnyLoaded, AnyView, Habits, Kind, Running, fold};

macro_rules! machines {
    ($($variant:ident: $machine:ty, $module:ident, $view:expr;)+) => {
        /// An order to any machine.
        #[derive(Clone, Debug)]
        pub enum AnyCommand {
            $(
                /// To this machine.
                $variant($module::Command),
            )+
        }

        /// Any machine's state.
        #[derive(Clone, PartialEq, Debug)]
        pub enum AnyState {
            $(
                /// This machine's.
                $variant(Box<$module::State>),
            )+
        }

        $(impl Kind for $machine {
            fn command(any: AnyCommand) -> Option<$module::Command> {
                match any {
                    AnyCommand::$variant(command) => Some(command),
                    _ => None,
                }
            }

            fn state(any: AnyState) -> Option<$module::State> {
                match any {
                    AnyState::$variant(state) => Some(*state),
                    _ => None,
                }
            }

            fn wrap_state(state: $module::State) -> AnyState {
                AnyState::$variant(Box::new(state))
            }

            fn wrap_view(view: <$machine as Machine>::Published) -> Option<AnyView> {
                ($view)(view)
            }
        })+

        /// Builds the host of this stream from what the journal knows.
        pub fn load(
            stream: StreamId,
            epoch: Epoch,
            incarnation: Incarnation,
            loaded: AnyLoaded,
            habits: Habits,
        ) -> Option<Box<dyn AnyHost>> {
            match stream {
                $(StreamId::$variant(_) => {
                    Running::<$machine>::load(stream, epoch, incarnation, loaded, habits)
                })+
                // Nobody signs in, and of the others no machine lives there yet.
                StreamId::Person(_) | StreamId::Family(_) | StreamId::Account(_) | StreamId::Limited(_) => None,
            }
        }

        impl AnyState {
            /// The state of a stream without events.
            pub fn initial(stream: StreamId) -> Option<Self> {
                match stream {
                    $(StreamId::$variant(_) => Some(<$machine>::wrap_state(<$machine>::initial(stream))),)+
                    StreamId::Person(_) | StreamId::Family(_) | StreamId::Account(_) | StreamId::Limited(_) => None,
                }
            }

            /// Folds one event.
            pub fn apply(&mut self, recorded: &Recorded) {
                match self {
                    $(AnyState::$variant(state) => fold::<$machine>(state, recorded),)+
                }
            }

            /// When something will be due.
            pub fn next_deadline(&self) -> Option<Timestamp> {
                match self {
                    $(AnyState::$variant(state) => <$machine>::next_deadline(state),)+
                }
            }

            /// What it asked and was not answered.
            pub fn open_asks(&self) -> Option<&OpenAsks> {
                match self {
                    $(AnyState::$variant(state) => <$machine>::open_asks(state),)+
                }
            }

            /// Requests that wait for a later decision.
            pub fn parked(&self) -> Vec<CommandKey> {
                match self {
                    $(AnyState::$variant(state) => <$machine>::parked_commands(state),)+
                }
            }
        }
    };
}

machines! {
    Stock: Inventory, inventory, |view| Some(AnyView::Stock(view));
    Checkout: Checkout, checkout, |()| None;
    Payment: Payment, payment, |()| None;
    Order: Order, order, |()| None;
    Product: Product, product, |()| None;
    Vendor: Vendor, vendor, |_| None;
}
