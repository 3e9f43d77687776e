//! What several areas' tests need.

#[cfg(feature = "chrome")]
pub mod browsers;
#[cfg(feature = "chrome")]
pub mod chromium;
pub mod extension;
pub mod full;
#[cfg(feature = "chrome")]
pub mod har;
#[cfg(feature = "cli")]
pub mod nights;
pub mod old;
#[cfg(feature = "chrome")]
pub mod pages;
pub mod pictures;
#[cfg(all(unix, any(feature = "cli", feature = "chrome")))]
pub mod process;
pub mod promtool;
#[cfg(feature = "cli")]
pub mod schema;
pub mod script;
#[cfg(feature = "chrome")]
pub mod server;
#[cfg(feature = "cli")]
pub mod shell;
#[cfg(feature = "chrome")]
pub mod shown;
#[cfg(feature = "chrome")]
pub mod site;
pub mod values;

/// Bytes without pattern: each seed has its own.
pub fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    let mut noise = Vec::with_capacity(bytes + 8);
    while noise.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        noise.extend_from_slice(&state.wrapping_mul(0x2545_F491_4F6C_DD1D).to_le_bytes());
    }
    noise.truncate(bytes);
    noise
}
