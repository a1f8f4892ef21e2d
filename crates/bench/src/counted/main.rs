//! Kernels whose instructions `cargo xtask count` counts.
//!
//! `counted` alone lists their names; `counted KERNEL DIRECTORY` prepares one from the documents there, runs it once, and
//! says how many things it worked on. Only what happens below [`collected`] counts.

mod documents;
mod kernels;

use documents::Documents;
use kernels::{KERNELS, Kernel};
use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (name, directory) = (arguments.next(), arguments.next());
    let Some((name, directory)) = name.zip(directory) else {
        KERNELS.iter().for_each(|(name, _)| println!("{name}"));
        return ExitCode::SUCCESS;
    };
    let Some((_, prepare)) = KERNELS.iter().find(|(kernel, _)| *kernel == name) else {
        eprintln!("counted: there is no kernel {name}");
        return ExitCode::FAILURE;
    };
    let mut kernel = prepare(&Documents::new(PathBuf::from(directory)));
    collected(&mut kernel);
    println!("{}", kernel.units());
    ExitCode::SUCCESS
}

/// `xtask/src/count` has callgrind collect inside this function, which it knows by its name.
#[inline(never)]
fn collected(kernel: &mut Kernel) {
    kernel.run();
}
