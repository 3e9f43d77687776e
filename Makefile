# What a person or a machine does here. Everything works from any folder, and twice.

# The generated browser protocol is never read, so it need not be formatted.
export DO_NOT_FORMAT = 1
CARGO ?= cargo
# A package of its own, which links no SQLite; tests build it where this does.
EXTENSION = --manifest-path extension/Cargo.toml --target-dir target/extension

.PHONY: demo test bench extension check

# The tour: a small shop that changes, captured and compared.
demo:
	.ci/browser
	$(CARGO) run --release -- demo

# All tests, those with a browser too, and the examples in the docs.
test:
	.ci/browser
	$(CARGO) test

bench:
	$(CARGO) bench

# The functions for `sqlite3`, in target/extension/release.
extension:
	$(CARGO) build --release --locked $(EXTENSION)

# What must hold before a change goes in.
check:
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets -- -D warnings
	$(CARGO) clippy --all-targets --no-default-features -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --no-deps
	$(CARGO) build --no-default-features --lib
	$(CARGO) fmt --check --manifest-path extension/Cargo.toml
	$(CARGO) clippy --locked $(EXTENSION) -- -D warnings
	@if command -v shellcheck >/dev/null; then shellcheck .ci/run .ci/browser; \
	else echo 'check: shellcheck is not installed; the scripts were not checked' >&2; fi
