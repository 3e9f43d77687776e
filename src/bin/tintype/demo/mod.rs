//! placeholder while writing
use crate::args::{Demo, Global};
use crate::out::{Done, Out, Run};
pub fn demo(_g: &Global, _a: &Demo, _out: &Out) -> Run {
    Ok(Done::Ok)
}
