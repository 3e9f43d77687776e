//! One test binary, a file an area.

mod support;

mod capture;
