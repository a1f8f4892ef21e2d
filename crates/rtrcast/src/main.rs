//! `rtrcast`: an RPKI-to-Router (RTR) cache. The program is the library of the same name.

use std::process::ExitCode;

fn main() -> ExitCode {
    rtrcast::main()
}
