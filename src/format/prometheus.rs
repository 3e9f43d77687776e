//! Metrics as Prometheus reads them: its text format, version 0.0.4
//! (prometheus.io/docs/instrumenting/exposition_formats).
//!
//! **Invariant:** a metric is told once, with `HELP` and `TYPE` before all of its samples; buckets of a
//! histogram only grow, and the last, `+Inf`, is its count.

use std::fmt::Write;

/// What kind of metric it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A total that only grows; its name ends in `_total`.
    Counter,
    /// A value that goes up and down.
    Gauge,
}

/// The counts of a histogram.
#[derive(Debug, Clone, PartialEq)]
pub struct Buckets {
    /// For each upper bound, from the lowest up, how many values are at most that.
    pub to: Vec<(f64, u64)>,
    /// How many values there are.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
}

/// A label: its name and its value.
pub type Label<'a> = (&'a str, &'a str);

/// The text, metric by metric.
#[derive(Debug, Clone, Default)]
pub struct Text(String);

impl Text {
    /// Tells a metric and its samples. One without samples is left out.
    pub fn metric<'a>(
        &mut self,
        name: &str,
        help: &str,
        kind: Kind,
        samples: impl IntoIterator<Item = (Vec<Label<'a>>, f64)>,
    ) {
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_none() {
            return;
        }
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        self.head(name, help, kind);
        for (labels, value) in samples {
            self.sample(name, &labels, value);
        }
    }

    /// Tells a histogram, with the counts of each set of labels. One without any is left out.
    pub fn histogram<'a>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Vec<Label<'a>>, Buckets)>,
    ) {
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_none() {
            return;
        }
        self.head(name, help, "histogram");
        let (bucket, sum, count) =
            (format!("{name}_bucket"), format!("{name}_sum"), format!("{name}_count"));
        for (labels, buckets) in samples {
            let mut least = 0;
            for (bound, to) in &buckets.to {
                least = (*to).max(least).min(buckets.count);
                let bound = number(*bound);
                let labels = [labels.as_slice(), &[("le", bound.as_str())]].concat();
                self.sample(&bucket, &labels, least as f64);
            }
            let labels_inf = [labels.as_slice(), &[("le", "+Inf")]].concat();
            self.sample(&bucket, &labels_inf, buckets.count as f64);
            self.sample(&sum, &labels, buckets.sum);
            self.sample(&count, &labels, buckets.count as f64);
        }
    }

    /// The whole text.
    pub fn finish(self) -> String {
        self.0
    }

    fn head(&mut self, name: &str, help: &str, kind: &str) {
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        // A string takes all that is written to it.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[Label<'_>], value: f64) {
        self.0 += name;
        for (at, (label, value)) in labels.iter().enumerate() {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.0, "{}{label}=\"{value}\"", if at == 0 { '{' } else { ',' });
        }
        let end = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.0, "{end} {}", number(value));
    }
}

/// A number as Go's `ParseFloat` reads it.
fn number(value: f64) -> String {
    match value {
        value if value.is_nan() => "NaN".into(),
        f64::INFINITY => "+Inf".into(),
        f64::NEG_INFINITY => "-Inf".into(),
        value => value.to_string(),
    }
}
