//! What can happen in a history, as a list that is known before it begins: so that it can be made shorter.

use crate::{random::Random, server::FRONTS};

/// Devices of a history at its beginning.
pub(crate) const DEVICES: usize = 3;

/// A command that a learner gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    Complete { course: u8, lesson: u8 },
    Ensure { course: u8, lesson: u8 },
    Answer { question: u8 },
    HandIn,
    Join { learner: u8 },
    JoinBoth { learners: (u8, u8) },
    Note { text: u8 },
    Earn { badge: u8 },
}

/// What a client that was tampered with says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Forgery {
    /// A lesson, whatever comes before it.
    Lesson { course: u8, lesson: u8 },
    /// Another lesson than its command asks for.
    OtherLesson { course: u8, lesson: u8 },
    /// More answers than were given.
    Answers,
    /// More learners than there are seats, without any command.
    Crowd,
    /// A note that says that it was merged, and stands elsewhere than it says.
    Note,
}

/// What becomes of a tab's next write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Write {
    DiesBefore,
    DiesAfter,
    IsRepeated,
    IsDenied,
    MeetsQuota,
}

/// One thing that happens. Tabs are counted among those that are open then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A command; `named` commands of the same name are one; `caused` ones follow from the device's last commit.
    Give {
        device: usize,
        tab: usize,
        ask: Ask,
        named: bool,
        caused: bool,
    },
    OpenTab {
        device: usize,
    },
    CloseTab {
        device: usize,
        tab: usize,
    },
    KillTab {
        device: usize,
        tab: usize,
    },
    Freeze {
        device: usize,
        tab: usize,
    },
    Thaw {
        device: usize,
    },
    Online {
        device: usize,
        online: bool,
    },
    Trouble {
        percent: u8,
    },
    Storage {
        device: usize,
        tab: usize,
        write: Write,
    },
    /// The device's clock stands so many minutes beside the world's from now on.
    Clock {
        device: usize,
        minutes: i16,
    },
    ExpireTokens,
    /// One of the server's processes dies, or is started again.
    Front {
        front: usize,
        up: bool,
    },
    /// The server's log is copied.
    BackUp,
    /// The server loses everything since the last backup, if there is one.
    RestoreBackup,
    /// The whole device as it is, once more: a restored backup, a copied profile.
    Clone {
        device: usize,
    },
    Resolve {
        device: usize,
        tab: usize,
        retry: bool,
    },
    Maintain {
        device: usize,
        tab: usize,
    },
    Sync {
        device: usize,
        tab: usize,
    },
    /// The device follows other streams from now on: those of one of the lists in [`RULES`].
    Follow {
        device: usize,
        tab: usize,
        rules: usize,
        forget: bool,
    },
    /// The device gets the newer version of the app, and is opened anew.
    Update {
        device: usize,
    },
    /// The server archives a stream: one of [`ARCHIVED`].
    Archive {
        stream: usize,
    },
    /// Somebody pushes what no app has decided.
    Forge {
        forgery: Forgery,
    },
}

/// What a device may follow.
pub(crate) const RULES: [&[&str]; 6] =
    [&["*"], &["course"], &["course-0", "group"], &["exam-*", "notes-ada", "course-1"], &["notes"], &[]];

/// What the server may archive.
pub(crate) const ARCHIVED: [&str; 5] = ["course-0", "course-1", "exam-final", "group-a", "notes-ada"];

/// A step, and how much of what is under way goes on after it: so many polls, and then so many times the next timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Beat {
    pub(crate) step: Step,
    pub(crate) polls: usize,
    pub(crate) timers: usize,
}

/// The steps of a history.
pub(crate) fn script(random: &Random, length: usize) -> Vec<Beat> {
    let mut devices = DEVICES;
    let mut beat = || {
        let step = step(random, devices);
        devices += usize::from(matches!(step, Step::Clone { .. }));
        let polls = if random.one_in(3) { random.below(200) } else { random.below(12) };
        Beat { step, polls, timers: if random.one_in(2) { random.below(6) } else { 0 } }
    };
    (0..length).map(|_| beat()).collect()
}

fn step(random: &Random, devices: usize) -> Step {
    let (device, tab) = (random.below(devices), random.below(4));
    match random.below(100) {
        0..=50 => {
            Step::Give { device, tab, ask: ask(random), named: random.one_in(8), caused: random.one_in(8) }
        }
        51 | 52 => Step::BackUp,
        53 | 54 => Step::RestoreBackup,
        55..=58 => Step::OpenTab { device },
        59 => Step::CloseTab { device, tab },
        60..=62 => Step::KillTab { device, tab },
        63 | 64 => Step::Freeze { device, tab },
        65..=67 => Step::Thaw { device },
        68..=73 => Step::Online { device, online: random.one_in(2) },
        74..=76 => Step::Trouble { percent: [0, 10, 40, 80][random.below(4)] },
        77..=81 => Step::Storage { device, tab, write: write(random) },
        82 => Step::Clock { device, minutes: random.below(2_000) as i16 - 1_000 },
        83 if random.one_in(2) => Step::ExpireTokens,
        83 => Step::Front { front: random.below(FRONTS), up: random.one_in(2) },
        84 if devices < DEVICES + 1 => Step::Clone { device },
        84..=87 => Step::Resolve { device, tab, retry: random.one_in(2) },
        88..=91 => Step::Maintain { device, tab },
        92..=95 => Step::Sync { device, tab },
        _ => Step::Follow { device, tab, rules: random.below(RULES.len()), forget: random.one_in(3) },
    }
}

fn write(random: &Random) -> Write {
    [Write::DiesBefore, Write::DiesAfter, Write::IsRepeated, Write::IsDenied, Write::MeetsQuota]
        [random.below(5)]
}

/// Puts forgeries between the steps: about one in fifty.
pub(crate) fn with_forgeries(random: &Random, beats: Vec<Beat>) -> Vec<Beat> {
    let mut all = Vec::with_capacity(beats.len());
    for beat in beats {
        all.push(beat);
        if random.one_in(50) {
            all.push(Beat { step: Step::Forge { forgery: forgery(random) }, polls: 0, timers: 0 });
        }
    }
    all
}

/// Puts badges between the steps, about one in fifteen, and updates of the app, about one in sixty.
pub(crate) fn with_badges(random: &Random, beats: Vec<Beat>) -> Vec<Beat> {
    let mut all = Vec::with_capacity(beats.len());
    for beat in beats {
        all.push(beat);
        let device = random.below(DEVICES + 1);
        let step = match random.below(60) {
            0 => Step::Update { device },
            1..=4 => {
                let ask = Ask::Earn { badge: random.below(3) as u8 };
                Step::Give { device, tab: random.below(4), ask, named: false, caused: false }
            }
            _ => continue,
        };
        all.push(Beat { step, polls: random.below(12), timers: 0 });
    }
    all
}

/// Puts archivings between the steps of every second history: about one in forty.
pub(crate) fn with_archivings(random: &Random, beats: Vec<Beat>) -> Vec<Beat> {
    if random.one_in(2) {
        return beats;
    }
    let mut all = Vec::with_capacity(beats.len());
    for beat in beats {
        all.push(beat);
        if random.one_in(40) {
            let step = Step::Archive { stream: random.below(ARCHIVED.len()) };
            all.push(Beat { step, polls: random.below(12), timers: 0 });
        }
    }
    all
}

fn forgery(random: &Random) -> Forgery {
    let (course, lesson) = (random.below(2) as u8, random.below(5) as u8);
    match random.below(5) {
        0 => Forgery::Lesson { course, lesson },
        1 => Forgery::OtherLesson { course, lesson },
        2 => Forgery::Answers,
        3 => Forgery::Crowd,
        _ => Forgery::Note,
    }
}

fn ask(random: &Random) -> Ask {
    let (course, lesson) = (random.below(2) as u8, random.below(5) as u8);
    match random.below(10) {
        0..=2 => Ask::Complete { course, lesson },
        3 => Ask::Ensure { course, lesson },
        4 => Ask::Answer { question: random.below(4) as u8 },
        5 if random.one_in(3) => Ask::HandIn,
        5 | 6 => Ask::Join { learner: random.below(14) as u8 },
        7 => Ask::JoinBoth { learners: (random.below(14) as u8, random.below(14) as u8) },
        _ => Ask::Note { text: random.below(100) as u8 },
    }
}
