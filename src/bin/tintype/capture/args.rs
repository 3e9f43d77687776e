//! What can be typed after `capture`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueHint};
use tintype::capture::chrome::{Cookie, Header, WaitFor};
use tintype::model::config::Environment;
use tintype::{CaptureMode, PagePart};

use crate::args::{About, seconds};

#[derive(Args)]
#[command(after_help = "Examples:
  tintype capture https://shop.example/ --context shop.example/home
  tintype capture https://shop.example/kettle --selector .price --mode both
  tintype capture https://shop.example/ --artifacts full.png,page.pdf --window 390x844
  tintype capture https://shop.example/ --wait network --wait 'selector:.price' --timeout 10
  tintype capture - --context shop.example/products --json < urls.txt
  tintype capture --connect ws://127.0.0.1:9222/devtools/page/8A1F --context shop.example/cart

A page that does not load is stored too, with what is known of it, and makes the exit code 3. An address that you give is taken as you mean it, also one of your own
network; a page of the open network can lead the browser into yours only with --allow-private.")]
pub struct Capture {
    /// The pages; - reads them from standard input, one a line
    #[arg(required_unless_present = "connect", value_name = "URL", value_hint = ValueHint::Url)]
    pub urls: Vec<String>,
    #[command(flatten)]
    pub about: About,
    /// Take as much as an environment needs: production, testing or debug
    #[arg(long, value_name = "PRESET")]
    pub preset: Option<Environment>,
    /// Take the page, the element that --selector finds, both, or HTML and console alone:
    /// full_page, selector, both, minimal
    #[arg(long, value_name = "M")]
    pub mode: Option<CaptureMode>,
    /// The element, as a CSS selector
    #[arg(long, value_name = "CSS")]
    pub selector: Option<String>,
    /// Take just these, as full.png,page.html; +page.pdf adds to what the preset takes, -full.png
    /// leaves out
    #[arg(long, value_name = "LIST", value_delimiter = ',', allow_hyphen_values = true)]
    pub artifacts: Vec<Choice>,
    /// Give a page so many seconds to be captured
    #[arg(long, value_name = "S", default_value = "10", value_parser = seconds)]
    pub time_box: Duration,
    /// Paint over what this selector finds in pictures; may be given several times
    #[arg(long, value_name = "CSS")]
    pub mask: Vec<String>,
    /// Keep secrets as they are
    #[arg(long)]
    pub no_redact: bool,
    #[command(flatten)]
    pub page: PageArgs,
    #[command(flatten)]
    pub browser: BrowserArgs,
}

/// An artifact that is named, or added to or taken out of what the preset takes.
#[derive(Clone, Copy)]
pub enum Choice {
    Only(PagePart),
    With(PagePart),
    Without(PagePart),
}

impl std::str::FromStr for Choice {
    type Err = tintype::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match (text.strip_prefix('+'), text.strip_prefix('-')) {
            (Some(name), _) => Ok(Choice::With(name.parse()?)),
            (_, Some(name)) => Ok(Choice::Without(name.parse()?)),
            (None, None) => Ok(Choice::Only(text.parse()?)),
        }
    }
}

/// How a page is opened.
#[derive(Args)]
pub struct PageArgs {
    /// Wait for this too before anything is taken; may be given several times: load, dom, network,
    /// fonts, frames, selector:CSS, gone:CSS, or a time as 500ms. What does not come is told, and
    /// the page is captured all the same [default: load, fonts and two frames]
    #[arg(long, value_name = "WHAT")]
    pub wait: Vec<WaitFor>,
    /// Wait so many seconds for a page to load; what is there by then is captured
    #[arg(long, value_name = "S", default_value = "30", value_parser = seconds)]
    pub timeout: Duration,
    /// The size of the window, inside
    #[arg(long, value_name = "WxH", default_value = "1280x800", value_parser = window)]
    pub window: (u32, u32),
    /// Device pixels for each pixel of the page
    #[arg(long, value_name = "N", default_value = "1")]
    pub device_scale: f64,
    /// Say to be another browser
    #[arg(long, value_name = "A")]
    pub user_agent: Option<String>,
    /// The languages that are asked for, as de-AT,en
    #[arg(long, value_name = "L")]
    pub language: Option<String>,
    /// Send a header with each request, as 'X-Run: 7'; may be given several times
    #[arg(long, value_name = "H")]
    pub header: Vec<Header>,
    /// Send a cookie to the page, as session=abc; may be given several times
    #[arg(long, value_name = "C")]
    pub cookie: Vec<Cookie>,
    /// Let addresses of files be captured
    #[arg(long)]
    pub allow_file: bool,
    /// Let pages of the open network lead into your own
    #[arg(long)]
    pub allow_private: bool,
}

/// Which browser is used.
#[derive(Args)]
pub struct BrowserArgs {
    /// The browser
    #[arg(long, value_name = "PATH", value_hint = ValueHint::ExecutablePath)]
    pub browser: Option<PathBuf>,
    /// Use a running one: http://127.0.0.1:9222 or ws://…/devtools/browser/…; or capture a page of it
    /// as it stands: ws://…/devtools/page/…
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["browser", "proxy", "profile"])]
    pub connect: Option<String>,
    /// Go through a proxy, as http://127.0.0.1:3128
    #[arg(long, value_name = "URL")]
    pub proxy: Option<String>,
    /// Use the profile in this folder, and keep it
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub profile: Option<PathBuf>,
}

fn window(text: &str) -> Result<(u32, u32), String> {
    let side = |text: &str| text.parse().ok().filter(|side| (1..=10_000).contains(side));
    text.split_once('x')
        .and_then(|(width, height)| Some((side(width)?, side(height)?)))
        .ok_or_else(|| "WIDTHxHEIGHT is needed, each from 1 to 10000".to_owned())
}
