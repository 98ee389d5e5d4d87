//! The domain of the laws: a ledger whose state depends on every event and on their order.

use serde::{Deserialize, Serialize};
use tidelog::{
    aggregate::{Aggregate, Context},
    commit::{Command, Policy},
    event::{NewEvent, RecordedEvent},
    json::Json,
    snapshot::Snapshots,
};

pub(crate) struct Ledger;

/// A digest of all entries in order, and their number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Digest {
    pub(crate) value: u64,
    pub(crate) count: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub(crate) enum Ask {
    /// Always accepted.
    Add { amount: u64 },
    /// Refused where the digest is odd: what was fine offline may not be after a rebase.
    AddToEven { amount: u64 },
    /// Says nothing where the digest is odd: a rebase may absorb it.
    Ensure { amount: u64 },
    /// A binding fact: kept as it is.
    Seal,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub(crate) enum Fact {
    Added { amount: u64 },
    Sealed,
}

#[derive(Debug, thiserror::Error)]
#[error("the digest is odd")]
pub(crate) struct Odd;

impl Aggregate for Ledger {
    const NAME: &'static str = "ledger";
    type State = Digest;
    type Command = Ask;
    type Event = Fact;
    type Error = Odd;

    fn decide(state: &Digest, ask: Ask, _: &Context) -> Result<Vec<Fact>, Odd> {
        let is_odd = state.value % 2 == 1;
        Ok(match ask {
            Ask::AddToEven { .. } if is_odd => return Err(Odd),
            Ask::Ensure { .. } if is_odd => vec![],
            Ask::Add { amount } | Ask::AddToEven { amount } | Ask::Ensure { amount } => {
                vec![Fact::Added { amount }, Fact::Added { amount: amount + 1 }]
            }
            Ask::Seal => vec![Fact::Sealed],
        })
    }

    fn evolve(state: Digest, fact: &Fact) -> Digest {
        let entry = match fact {
            Fact::Added { amount } => amount + 1,
            Fact::Sealed => 0,
        };
        Digest { value: state.value.wrapping_mul(31).wrapping_add(entry), count: state.count + 1 }
    }

    fn policy(command_type: &str) -> Policy {
        if command_type == "Seal" { Policy::Keep } else { Policy::Redecide }
    }

    fn snapshots() -> Option<Snapshots<Digest>> {
        Some(Snapshots::json())
    }
}

pub(crate) fn command(ask: &Ask) -> Command {
    serde_json::from_str(Json::of(ask).unwrap().as_str()).unwrap()
}

/// What was imported without a decision.
pub(crate) fn added(amount: u64) -> NewEvent {
    serde_json::from_str(Json::of(&Fact::Added { amount }).unwrap().as_str()).unwrap()
}

/// The state that events make, folded here and nowhere else.
pub(crate) fn fold(events: &[RecordedEvent]) -> Digest {
    events.iter().fold(Digest::default(), |state, event| {
        let data = event.event.data.as_str();
        let fact = format!(r#"{{"type":"{}","data":{data}}}"#, event.event.event_type);
        Ledger::evolve(state, &serde_json::from_str(&fact).unwrap_or(Fact::Sealed))
    })
}
