//! The program as a black box: started as an operator would, spoken to over loopback by a router that shares no code
//! with it.

#![expect(clippy::unwrap_used, reason = "a helper of tests that fails should fail the test")]

mod authority;
mod cache;
mod exposition;
mod fake;
mod router;
mod router_table;
mod site;
mod ssh_wire;
mod stories;
mod web;
mod wire;

mod admission;
mod age;
mod certificate_dates;
mod certificates;
mod check;
mod cold_start;
mod control;
mod crashes;
mod crowd;
mod data;
mod dial;
mod dump;
mod dump_follow;

mod fetch;
mod files;
mod final_reports;
mod final_reports_secured;
mod http;
mod listener_sockets;
mod listeners;
mod listeners_reload;
mod log;
mod memory;
mod metrics;
mod mistakes;
mod peers;
mod planned_stop;
mod probes;
mod proxied;
mod reload;
mod reports;
mod self_signed;
mod service_restart;
mod slurm;
mod slurm_directory;
mod slurm_mistakes;
mod sources;
mod ssh;
mod startup;
mod state;
mod state_sources;
mod thousand_routers;
mod tls;
mod upgrade;
mod upstream;
mod urls;
