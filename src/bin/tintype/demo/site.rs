//! A small shop on loopback that changes when told: what the tour captures.
//!
//! Every answer is a pure function of the stage and the path, so that two visits at one stage see
//! the same bytes.

use std::fmt::Write;
use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use serde_json::{Value, json};
use tiny_http::{Header, Response, Server};

/// What a scraper of this shop selects: one price a product.
pub const SELECTOR: &str = "#products .price";

/// What nobody should keep: the key with which the shop's page asks its API.
pub const SECRET: &str = "wet-plate-1851-collodion";

/// How the shop is at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// As it is seen first.
    First,
    /// As before, byte for byte.
    Unchanged,
    /// One price has changed.
    SmallChange,
    /// Another design, products gone and products new. [`SELECTOR`] still holds.
    LargeChange,
    /// The API answers 500, a script throws, and [`SELECTOR`] matches nothing.
    Broken,
}

/// The running shop. It stops when dropped.
pub struct Site {
    url: String,
    stage: Arc<Mutex<Stage>>,
    server: Arc<Server>,
    thread: Option<JoinHandle<()>>,
}

impl Site {
    /// Opens the shop on a free port of the loopback interface.
    pub fn start() -> io::Result<Self> {
        let server = Arc::new(Server::http((Ipv4Addr::LOCALHOST, 0)).map_err(io::Error::other)?);
        let address =
            server.server_addr().to_ip().ok_or_else(|| io::Error::other("it has no IP address"))?;
        let stage = Arc::new(Mutex::new(Stage::First));
        let thread = std::thread::Builder::new().name("demo site".into()).spawn({
            let (server, stage) = (server.clone(), stage.clone());
            move || {
                while let Ok(request) = server.recv() {
                    let stage = *stage.lock().unwrap_or_else(PoisonError::into_inner);
                    let answer = answer(stage, request.url());
                    let response =
                        Response::from_string(answer.body).with_status_code(answer.status);
                    let header = Header::from_bytes("Content-Type", answer.media_type);
                    // A visitor who has gone needs no answer.
                    let _ = match header {
                        Ok(header) => request.respond(response.with_header(header)),
                        Err(()) => request.respond(response),
                    };
                }
            }
        })?;
        Ok(Site { url: format!("http://{address}/"), stage, server, thread: Some(thread) })
    }

    /// The address of the product page.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Changes the shop for all visits from now on.
    pub fn set(&self, stage: Stage) {
        *self.stage.lock().unwrap_or_else(PoisonError::into_inner) = stage;
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.server.unblock();
        if let Some(thread) = self.thread.take() {
            // It ends at the next request or here; what it might have panicked of is told already.
            let _ = thread.join();
        }
    }
}

/// What the shop answers.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The media type of the body.
    pub media_type: &'static str,
    /// The body.
    pub body: String,
}

/// What the shop answers at a stage to a request for a path.
pub fn answer(stage: Stage, path: &str) -> Answer {
    let text = |status, media_type, body| Answer { status, media_type, body };
    match path.split('?').next().unwrap_or_default() {
        "/" => text(200, "text/html; charset=utf-8", page(stage)),
        "/api/products.json" if stage == Stage::Broken => {
            let body = json!({"error": "the catalogue could not be read"}).to_string();
            text(500, "application/json", body)
        }
        "/api/products.json" => text(200, "application/json", products_json(stage).to_string()),
        _ => text(404, "text/plain; charset=utf-8", "There is no such page.\n".into()),
    }
}

struct Product {
    id: usize,
    name: &'static str,
    kind: Kind,
    cents: u32,
    stock: usize,
}

#[derive(Clone, Copy)]
enum Kind {
    Camera,
    Lens,
    Film,
    Bottle,
    Print,
}

/// All that the shop has ever sold, by article number: the first forty are there at first, the
/// others come with the new design.
const CATALOGUE: [(&str, Kind, u32); 48] = [
    ("Field camera 4×5", Kind::Camera, 129_000),
    ("Box camera No. 2", Kind::Camera, 8_900),
    ("Folding camera 6×9", Kind::Camera, 24_500),
    ("Wet plate camera 8×10", Kind::Camera, 289_000),
    ("Pinhole camera, oak", Kind::Camera, 11_900),
    ("Twin-lens reflex", Kind::Camera, 39_900),
    ("Rangefinder 35", Kind::Camera, 44_900),
    ("Half-frame compact", Kind::Camera, 13_900),
    ("Petzval portrait lens", Kind::Lens, 68_000),
    ("Rapid rectilinear", Kind::Lens, 21_000),
    ("Meniscus 150 mm", Kind::Lens, 7_400),
    ("Triplet 75 mm f/3.5", Kind::Lens, 9_800),
    ("Tessar type 135 mm", Kind::Lens, 18_900),
    ("Soft focus 240 mm", Kind::Lens, 53_500),
    ("Wide angle 65 mm", Kind::Lens, 47_000),
    ("Close-up set", Kind::Lens, 2_900),
    ("Panchromatic 100", Kind::Film, 890),
    ("Panchromatic 400", Kind::Film, 940),
    ("Orthochromatic 25", Kind::Film, 1_150),
    ("Infrared 720", Kind::Film, 1_690),
    ("Sheet film 4×5, 25 sheets", Kind::Film, 4_900),
    ("Sheet film 8×10, 10 sheets", Kind::Film, 7_200),
    ("Colour negative 160", Kind::Film, 1_490),
    ("Colour slide 50", Kind::Film, 1_990),
    ("Collodion, 250 ml", Kind::Bottle, 3_450),
    ("Silver nitrate, 25 g", Kind::Bottle, 4_290),
    ("Iron developer, 500 ml", Kind::Bottle, 1_280),
    ("Fixer, 1 l", Kind::Bottle, 1_090),
    ("Sandarac varnish, 100 ml", Kind::Bottle, 2_150),
    ("Lavender oil, 50 ml", Kind::Bottle, 1_420),
    ("Stop bath, 500 ml", Kind::Bottle, 790),
    ("Selenium toner, 250 ml", Kind::Bottle, 2_690),
    ("Blackened plates, 10", Kind::Print, 2_490),
    ("Glass plates, 10", Kind::Print, 3_150),
    ("Baryta paper, 25", Kind::Print, 3_990),
    ("Salt print paper, 20", Kind::Print, 2_790),
    ("Cyanotype paper, 30", Kind::Print, 1_890),
    ("Albumen paper, 12", Kind::Print, 3_690),
    ("Portfolio box", Kind::Print, 5_400),
    ("Oval frame, brass", Kind::Print, 4_750),
    ("Stereo camera", Kind::Camera, 51_900),
    ("Panoramic camera 6×17", Kind::Camera, 98_000),
    ("Aplanat 210 mm", Kind::Lens, 26_400),
    ("Instant sheets, 8", Kind::Film, 2_290),
    ("Gold toner, 100 ml", Kind::Bottle, 6_800),
    ("Potassium iodide, 50 g", Kind::Bottle, 1_960),
    ("Carbon tissue, 5", Kind::Print, 4_120),
    ("Japan paper, 15", Kind::Print, 2_380),
];

fn products(stage: Stage) -> Vec<Product> {
    let numbers: Vec<usize> = match stage {
        Stage::First | Stage::Unchanged | Stage::SmallChange => (0..40).collect(),
        // Some are gone, and the new ones come first.
        Stage::LargeChange => (40..48).chain((0..40).filter(|at| at % 7 != 3)).collect(),
        Stage::Broken => Vec::new(),
    };
    let numbered = numbers.into_iter().filter_map(|at| Some((at, CATALOGUE.get(at)?)));
    numbered
        .map(|(at, &(name, kind, cents))| {
            let cents = match stage {
                Stage::SmallChange if at == 5 => cents - 5_000,
                Stage::LargeChange if at % 3 == 0 => cents - cents / 10,
                _ => cents,
            };
            Product { id: 1001 + at, name, kind, cents, stock: (at * 7 + 3) % 23 }
        })
        .collect()
}

/// What the API tells at a stage.
pub fn products_json(stage: Stage) -> Value {
    let products: Vec<_> = products(stage)
        .iter()
        .map(|product| {
            json!({
                "id": product.id,
                "name": product.name,
                "price_cents": product.cents,
                "currency": "EUR",
                "stock": product.stock,
            })
        })
        .collect();
    json!({"shop": "Silver & Collodion", "count": products.len(), "products": products})
}

/// The text of the product page at a stage.
pub fn page(stage: Stage) -> String {
    let products = products(stage);
    let (style, note) = match stage {
        Stage::LargeChange => (STYLE_NEW, "The spring catalogue is here: eight new articles."),
        _ => (STYLE, "Everything for the wet plate and the dry. Sent within two days."),
    };
    let list = if products.is_empty() {
        "<p class=\"sorry\">Our catalogue is being looked after. Please come back later.</p>".into()
    } else {
        let mut list = String::from("<ul id=\"products\">\n");
        for product in &products {
            let Product { id, name, .. } = product;
            let (picture, price) = (picture(product), price(product.cents));
            let stock = match product.stock {
                0..=3 => format!("<span class=\"stock low\">only {} left</span>", product.stock),
                _ => "<span class=\"stock\">in stock</span>".into(),
            };
            // Writing to a String can't fail.
            let _ = writeln!(
                list,
                "<li class=\"product\" data-id=\"{id}\">{picture}<h3>{name}</h3>\
                 <p><span class=\"price\">{price}</span>{stock}</p></li>",
            );
        }
        list + "</ul>"
    };
    let script = if stage == Stage::Broken { SCRIPT_BROKEN } else { SCRIPT };
    let script = script.replace("KEY", SECRET);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>Silver &amp; Collodion – photographic supplies</title>\n\
         <link rel=\"icon\" href=\"data:,\">\n<style>{style}</style>\n</head>\n<body>\n\
         <header><a class=\"name\" href=\"/\">Silver <i>&amp;</i> Collodion</a>\
         <nav><a href=\"/\">Cameras</a><a href=\"/\">Lenses</a><a href=\"/\">Film</a>\
         <a href=\"/\">Chemistry</a><a href=\"/\">Paper</a></nav>\
         <span id=\"count\">…</span></header>\n\
         <section class=\"hero\">{HERO}<div><h1>Light, caught in silver</h1><p>{note}</p>\
         <a class=\"button\" href=\"#products\">To the catalogue</a></div></section>\n\
         <main>\n<h2>Catalogue</h2>\n{list}\n</main>\n\
         <footer>Silver &amp; Collodion, 12 Daguerre Lane · all prices with tax</footer>\n\
         <script>{script}</script>\n</body>\n</html>\n",
    )
}

/// A price as a shop writes it: `1,290.00 €`.
fn price(cents: u32) -> String {
    let (euros, cents) = (cents / 100, cents % 100);
    match euros {
        1000.. => format!("{},{:03}.{cents:02} €", euros / 1000, euros % 1000),
        _ => format!("{euros}.{cents:02} €"),
    }
}

/// A drawing of a product, in a tint of its own.
fn picture(product: &Product) -> String {
    let drawing = match product.kind {
        Kind::Camera => {
            "<rect x=\"24\" y=\"34\" width=\"72\" height=\"44\" rx=\"6\" class=\"b\"/>\
             <rect x=\"44\" y=\"25\" width=\"24\" height=\"12\" rx=\"3\" class=\"b\"/>\
             <circle cx=\"60\" cy=\"56\" r=\"17\" class=\"m\"/><circle cx=\"60\" cy=\"56\" r=\"10\" class=\"l\"/>\
             <circle cx=\"56\" cy=\"52\" r=\"3\" fill=\"#fff\" opacity=\".8\"/>"
        }
        Kind::Lens => {
            "<rect x=\"34\" y=\"28\" width=\"52\" height=\"46\" rx=\"5\" class=\"b\"/>\
             <rect x=\"28\" y=\"38\" width=\"64\" height=\"9\" rx=\"3\" class=\"m\"/>\
             <rect x=\"28\" y=\"53\" width=\"64\" height=\"9\" rx=\"3\" class=\"m\"/>\
             <ellipse cx=\"60\" cy=\"28\" rx=\"26\" ry=\"8\" class=\"l\"/>"
        }
        Kind::Film => {
            "<rect x=\"36\" y=\"26\" width=\"36\" height=\"54\" rx=\"5\" class=\"b\"/>\
             <rect x=\"48\" y=\"19\" width=\"12\" height=\"9\" class=\"m\"/>\
             <rect x=\"36\" y=\"40\" width=\"36\" height=\"24\" class=\"l\"/>\
             <path d=\"M72 32h20v42H72z\" class=\"m\"/>\
             <path d=\"M76 36h4v4h-4zm8 0h4v4h-4zm-8 30h4v4h-4zm8 0h4v4h-4z\" fill=\"#fff\" opacity=\".8\"/>"
        }
        Kind::Bottle => {
            "<path d=\"M52 20h16v14l10 12v30a6 6 0 0 1-6 6H48a6 6 0 0 1-6-6V46l10-12z\" class=\"b\"/>\
             <rect x=\"50\" y=\"15\" width=\"20\" height=\"9\" rx=\"2\" class=\"m\"/>\
             <rect x=\"46\" y=\"52\" width=\"28\" height=\"20\" rx=\"2\" fill=\"#fdf8ee\"/>\
             <path d=\"M50 58h20M50 63h14\" stroke=\"#a08a6a\" stroke-width=\"2\"/>"
        }
        Kind::Print => {
            "<rect x=\"30\" y=\"22\" width=\"60\" height=\"58\" rx=\"2\" class=\"m\"/>\
             <rect x=\"36\" y=\"28\" width=\"48\" height=\"46\" fill=\"#fdf8ee\"/>\
             <path d=\"M36 74V62l14-16 12 14 8-8 14 14v8z\" class=\"b\"/><circle cx=\"72\" cy=\"40\" r=\"6\" class=\"l\"/>"
        }
    };
    let hue = product.id * 47 % 360;
    format!(
        "<svg viewBox=\"0 0 120 96\" style=\"--h:{hue}\" role=\"img\" aria-label=\"{}\">{drawing}</svg>",
        product.name
    )
}

const HERO: &str = "<svg viewBox=\"0 0 300 210\" role=\"img\" aria-label=\"A view camera\">\
    <defs><linearGradient id=\"w\" x1=\"0\" y1=\"0\" x2=\"0\" y2=\"1\"><stop offset=\"0\" stop-color=\"#b9773f\"/>\
    <stop offset=\"1\" stop-color=\"#7c4a22\"/></linearGradient><radialGradient id=\"g\"><stop offset=\"0\" \
    stop-color=\"#9cc4d8\"/><stop offset=\"1\" stop-color=\"#16303f\"/></radialGradient></defs>\
    <path d=\"M150 150 96 208M150 150l0 58M150 150l54 58\" stroke=\"#5b3718\" stroke-width=\"7\" stroke-linecap=\"round\"/>\
    <rect x=\"70\" y=\"142\" width=\"170\" height=\"12\" rx=\"3\" fill=\"url(#w)\"/>\
    <path d=\"M112 40h10v98h-10zM122 44l12 4v82l-12 4zM134 48l12-4v90l-12-4zM146 44l12 4v82l-12 4zM158 48l12-4v90l-12-4zM170 44l12 4v82l-12 4z\" \
    fill=\"#3b2a22\" stroke=\"#5c463a\" stroke-width=\"2\"/>\
    <rect x=\"182\" y=\"24\" width=\"40\" height=\"120\" rx=\"4\" fill=\"url(#w)\"/>\
    <rect x=\"88\" y=\"34\" width=\"26\" height=\"108\" rx=\"4\" fill=\"url(#w)\"/>\
    <rect x=\"46\" y=\"62\" width=\"42\" height=\"52\" rx=\"5\" fill=\"#c9a24b\"/>\
    <rect x=\"36\" y=\"56\" width=\"14\" height=\"64\" rx=\"5\" fill=\"#a8842f\"/>\
    <ellipse cx=\"38\" cy=\"88\" rx=\"9\" ry=\"28\" fill=\"url(#g)\"/>\
    <circle cx=\"202\" cy=\"36\" r=\"4\" fill=\"#c9a24b\"/><circle cx=\"202\" cy=\"132\" r=\"4\" fill=\"#c9a24b\"/></svg>";

const STYLE: &str = "
:root{color-scheme:light}
*{box-sizing:border-box}
body{margin:0;background:#f7f1e6;color:#2d2419;font:16px/1.5 'DejaVu Sans','Liberation Sans',sans-serif}
header{display:flex;align-items:center;gap:32px;padding:18px 48px;background:#fffaf0;border-bottom:1px solid #e3d7c1}
.name{font:700 24px 'DejaVu Serif','Liberation Serif',serif;color:inherit;text-decoration:none}
.name i{color:#b0672c}
nav{display:flex;gap:24px;flex:1}
nav a{color:#6c5a43;text-decoration:none;font-size:14px}
#count{font-size:13px;color:#8a765c}
.hero{display:flex;align-items:center;gap:56px;padding:28px 48px;background:linear-gradient(100deg,#e9d9bd,#f3e8d3 60%,#efe0c6)}
.hero svg{width:290px;flex:none}
.hero h1{margin:0 0 8px;font:700 40px/1.15 'DejaVu Serif','Liberation Serif',serif}
.hero p{margin:0 0 20px;color:#6c5a43;font-size:17px}
.button{display:inline-block;padding:10px 22px;border-radius:6px;background:#8f4f1d;color:#fff;text-decoration:none;font-size:15px}
main{max-width:1184px;margin:0 auto;padding:26px 0 40px}
h2{margin:0 0 16px;font:700 24px 'DejaVu Serif','Liberation Serif',serif}
ul{list-style:none;margin:0;padding:0;display:grid;grid-template-columns:repeat(5,1fr);gap:16px}
li{background:#fffdf8;border:1px solid #e8dcc6;border-radius:10px;padding:12px 14px 14px}
li svg{display:block;width:100%;height:112px;border-radius:6px;background:hsl(var(--h) 38% 92%)}
li .b{fill:hsl(var(--h) 32% 38%)} li .m{fill:hsl(var(--h) 24% 24%)} li .l{fill:hsl(var(--h) 50% 72%)}
li h3{margin:10px 0 4px;font-size:14px;line-height:1.3;min-height:36px}
li p{margin:0;display:flex;justify-content:space-between;align-items:baseline}
.price{font-weight:700;color:#8f4f1d;white-space:nowrap}
.stock{font-size:11px;color:#6d8a54;white-space:nowrap}
.low{color:#b5412b}
.sorry{padding:56px;text-align:center;background:#fffdf8;border:1px dashed #d8b89a;border-radius:10px;color:#8f4f1d}
footer{padding:22px 48px;border-top:1px solid #e3d7c1;color:#8a765c;font-size:13px}
";

const STYLE_NEW: &str = "
:root{color-scheme:dark}
*{box-sizing:border-box}
body{margin:0;background:#14171c;color:#e8e6e1;font:15px/1.5 'DejaVu Sans','Liberation Sans',sans-serif;display:grid;grid-template-columns:250px 1fr;grid-template-rows:auto 1fr auto;min-height:100vh}
header{grid-row:1/4;background:#1b1f26;padding:32px 28px;border-right:1px solid #2a2f38}
.name{font:700 25px/1.2 'DejaVu Serif','Liberation Serif',serif;color:#fff;text-decoration:none;display:block;margin-bottom:32px}
.name i{color:#5fc9b0}
nav{display:grid;gap:14px;margin-bottom:32px}
nav a{color:#aab1bd;text-decoration:none}
#count{display:inline-block;padding:4px 10px;border-radius:20px;background:#223a37;color:#5fc9b0;font-size:13px}
.hero{display:flex;flex-direction:row-reverse;justify-content:flex-end;align-items:center;gap:36px;padding:20px 44px;background:linear-gradient(120deg,#1d3330,#1a2029)}
.hero svg{width:150px;flex:none;transform:scaleX(-1)}
.hero div{flex:1}
.hero h1{margin:0 0 4px;font:700 30px/1.2 'DejaVu Serif','Liberation Serif',serif}
.hero p{margin:0;color:#aab1bd}
.button{display:none}
main{padding:24px 44px}
h2{margin:0 0 12px;font-size:13px;letter-spacing:.12em;text-transform:uppercase;color:#7f8896}
ul{list-style:none;margin:0;padding:0;display:grid;grid-template-columns:1fr 1fr;gap:0 32px}
li{display:flex;align-items:center;gap:16px;padding:9px 0;border-bottom:1px solid #262b34}
li svg{width:66px;height:52px;border-radius:8px;background:hsl(var(--h) 22% 20%);flex:none}
li .b{fill:hsl(var(--h) 40% 58%)} li .m{fill:hsl(var(--h) 24% 42%)} li .l{fill:hsl(var(--h) 60% 80%)}
li h3{margin:0;font-size:15px;font-weight:400;flex:1}
li p{margin:0;text-align:right;display:grid}
.price{font-weight:700;color:#5fc9b0}
.stock{font-size:11px;color:#7f8896}
.low{color:#f0946b}
footer{grid-column:2;padding:18px 44px;color:#7f8896;font-size:13px;border-top:1px solid #2a2f38}
";

/// The page's script. It says the same at every visit.
const SCRIPT: &str = "
const shown = document.querySelectorAll('#products .price').length;
console.log('shop: page with ' + shown + ' products');
fetch('/api/products.json', {headers: {Authorization: 'Bearer KEY'}}).then(answer => answer.json()).then(shop => {
  document.querySelector('#count').textContent = shop.count + ' articles';
  const low = shop.products.filter(product => product.stock <= 3);
  console.info('shop: stock loaded, ' + shop.count + ' articles');
  console.warn('shop: ' + low.length + ' articles are nearly sold out', low.map(product => product.id));
});
";

/// The script on a page whose catalogue is missing: it does not expect that.
const SCRIPT_BROKEN: &str = "
const shown = document.querySelectorAll('#products .price').length;
console.log('shop: page with ' + shown + ' products');
fetch('/api/products.json', {headers: {Authorization: 'Bearer KEY'}}).then(answer => {
  console.error('shop: the catalogue answered ' + answer.status);
  document.querySelector('#count').textContent = 'catalogue closed';
});
function cheapest(list) {
  return Array.from(list.children).sort()[0];
}
cheapest(document.querySelector('#products'));
";

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;

    use super::*;

    fn prices(stage: Stage) -> usize {
        page(stage).matches("class=\"price\"").count()
    }

    #[test]
    fn nothing_changes_where_nothing_should() {
        for path in ["/", "/api/products.json"] {
            assert_eq!(answer(Stage::First, path), answer(Stage::Unchanged, path));
        }
    }

    #[test]
    fn the_small_change_is_one_line_of_the_page_and_one_field_of_the_api() {
        let (first, second) = (page(Stage::First), page(Stage::SmallChange));
        let changed: Vec<_> = first.lines().zip(second.lines()).filter(|(a, b)| a != b).collect();
        assert_eq!(first.lines().count(), second.lines().count());
        assert_eq!(changed.len(), 1);
        assert!(changed[0].0.contains("399.00 €") && changed[0].1.contains("349.00 €"));
        let (first, mut second) = (products_json(Stage::First), products_json(Stage::SmallChange));
        assert_eq!(second["products"][5]["price_cents"], 34_900);
        second["products"][5]["price_cents"] = 39_900.into();
        assert_eq!(first, second);
    }

    #[test]
    fn the_large_change_has_another_design_and_other_products() {
        assert_eq!(prices(Stage::First), 40);
        assert_eq!(prices(Stage::LargeChange), 42);
        assert!(page(Stage::LargeChange).contains("Stereo camera"));
        assert!(!page(Stage::LargeChange).contains("Wet plate camera"));
        assert!(page(Stage::LargeChange).contains("<ul id=\"products\">"));
    }

    #[test]
    fn the_broken_shop_answers_500_and_has_no_prices() {
        assert_eq!(prices(Stage::Broken), 0);
        assert!(!page(Stage::Broken).contains("id=\"products\""));
        assert_eq!(answer(Stage::Broken, "/").status, 200);
        assert_eq!(answer(Stage::Broken, "/api/products.json").status, 500);
        assert_eq!(answer(Stage::First, "/nowhere").status, 404);
    }

    #[test]
    fn the_shop_is_open_until_it_is_dropped() {
        let site = Site::start().unwrap();
        let address = site.url().trim_start_matches("http://").trim_end_matches('/').to_owned();
        let get = || {
            let mut stream = TcpStream::connect(&address).unwrap();
            let request = "GET / HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n";
            stream.write_all(request.as_bytes()).unwrap();
            let mut text = String::new();
            stream.read_to_string(&mut text).unwrap();
            text
        };
        assert!(get().contains("399.00 €"));
        site.set(Stage::SmallChange);
        assert!(get().contains("349.00 €"));
        drop(site);
        // What is still accepted is not answered.
        assert!(!TcpStream::connect(&address).is_ok_and(|mut stream| {
            let mut text = String::new();
            let _ = stream.write_all(b"GET / HTTP/1.1\r\n\r\n");
            stream.read_to_string(&mut text).is_ok() && text.contains('€')
        }));
    }
}
