//! A page that follows a script instead of standing in a browser.

use std::collections::HashMap;
use std::time::Duration;

use tintype::capture::{Facts, Fault, Load, Page, Taken};
use tintype::{CaptureConfig, PagePart};

/// What a scripted page does when it is asked for a part.
pub enum Act {
    Give(Result<Taken, Fault>),
    /// Lets the whole time that it is given pass, and says so.
    Hang,
    Panic,
}

/// A page whose parts come as the script says; parts that it does not name come as their names.
pub struct Script {
    acts: HashMap<PagePart, Act>,
    load: Load,
    url: String,
    /// What it was asked for, and how much time it was given.
    pub asked: Vec<(PagePart, Duration)>,
}

impl Script {
    pub fn new() -> Self {
        let url = "http://scripted.example/".into();
        Script { acts: HashMap::new(), load: Load::Loaded, url, asked: Vec::new() }
    }

    pub fn on(mut self, part: PagePart, act: Act) -> Self {
        self.acts.insert(part, act);
        self
    }

    pub fn url(mut self, url: &str) -> Self {
        self.url = url.into();
        self
    }

    pub fn load(mut self, load: Load) -> Self {
        self.load = load;
        self
    }
}

impl Page for Script {
    fn facts(&mut self) -> Facts {
        let load_error = (self.load == Load::Failed).then(|| "net::ERR_SCRIPTED".to_owned());
        Facts { url: self.url.clone(), load: self.load, load_error, ..Facts::default() }
    }

    fn take(
        &mut self,
        part: PagePart,
        _: &CaptureConfig,
        within: Duration,
    ) -> Result<Taken, Fault> {
        self.asked.push((part, within));
        match self.acts.get(&part) {
            None => Ok(Taken::Content(part.artifact_name().into())),
            Some(Act::Give(given)) => given.clone(),
            Some(Act::Hang) => {
                // Nobody sends: this only lets the time pass.
                let (_hold, never) = std::sync::mpsc::channel::<()>();
                let _ = never.recv_timeout(within);
                Err(Fault::TimedOut { after: within })
            }
            Some(Act::Panic) => panic!("the script says so"),
        }
    }
}
