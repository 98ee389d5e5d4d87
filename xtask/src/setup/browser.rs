//! Browsers and what drives them.

use std::path::PathBuf;

use super::{Setup, Tool};
use crate::error::Error;

/// A browser that the tests run in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Browser {
    /// Chromium or Chrome.
    Chromium,
    /// Firefox.
    Firefox,
    /// WebKitGTK's MiniBrowser on a virtual screen.
    Webkit,
}

/// One of these programs or files, and the Debian package that has it.
struct Part {
    programs: &'static [&'static str],
    package: &'static str,
}

const CHROMIUM: Part =
    Part { programs: &["chromium", "chromium-browser", "google-chrome", "chrome"], package: "chromium" };
const CHROMEDRIVER: Part = Part { programs: &["chromedriver"], package: "chromium-driver" };
const FIREFOX: Part = Part { programs: &["firefox", "firefox-esr"], package: "firefox-esr" };
const WEBKIT_DRIVER: Part = Part { programs: &["WebKitWebDriver"], package: "webkit2gtk-driver" };
const SCREEN: Part = Part { programs: &["xvfb-run"], package: "xvfb" };
const SCREEN_KEY: Part = Part { programs: &["xauth"], package: "xauth" };

impl Browser {
    pub(crate) const ALL: [Browser; 3] = [Browser::Chromium, Browser::Firefox, Browser::Webkit];

    /// Its name for messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Browser::Chromium => "Chromium",
            Browser::Firefox => "Firefox",
            Browser::Webkit => "WebKit",
        }
    }

    fn parts(self) -> &'static [Part] {
        match self {
            Browser::Chromium => &[CHROMIUM, CHROMEDRIVER],
            Browser::Firefox => &[FIREFOX],
            Browser::Webkit => &[WEBKIT_DRIVER, SCREEN, SCREEN_KEY],
        }
    }

    fn missing(self, setup: &Setup) -> Vec<&'static str> {
        let parts = self.parts().iter().filter(|part| part.find(setup).is_none());
        parts.map(|part| part.package).collect()
    }
}

impl Part {
    fn find(&self, setup: &Setup) -> Option<PathBuf> {
        self.programs.iter().find_map(|program| setup.find(program))
    }
}

impl Setup {
    /// The program that drives `browser`, as its environment variable wants it.
    pub(crate) fn driver(&self, browser: Browser) -> Option<PathBuf> {
        match browser {
            Browser::Chromium => CHROMEDRIVER.find(self),
            Browser::Firefox => self.find("geckodriver"),
            Browser::Webkit => WEBKIT_DRIVER.find(self),
        }
    }

    /// Chromium itself, for the end-to-end tests.
    pub(crate) fn chromium(&self) -> Option<PathBuf> {
        CHROMIUM.find(self)
    }
}

/// Finds or installs what `browser` needs.
pub(super) fn require(setup: &mut Setup, browser: Browser) -> Result<(), Error> {
    if browser == Browser::Firefox {
        super::tool::require(setup, Tool::Geckodriver)?;
    }
    let missing = browser.missing(setup);
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    setup.may_install(
        &format!("what {} needs ({list})", browser.name()),
        &format!("apt-get install {list}"),
    )?;
    let Setup { apt, workspace, .. } = setup;
    apt.install(workspace, &missing)?;
    let missing = browser.missing(setup);
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::Missing(format!(
        "after installing {list}, the programs of {} are still missing",
        missing.join(" ")
    )))
}
