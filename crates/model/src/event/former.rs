//! Events that Fivetran no longer sends, or sends under other names. They are read, and never made.
//!
//! Source: Fivetran's Logs changelog of December 2023, January 2024 and April 2024; webhooks of 2022 and 2023.

use std::borrow::Cow;

use crate::Severity;

object! {
    /// Data of an event whose documentation is gone.
    pub struct Undocumented<'a> {
        ..
    }
}

object! {
    /// `status`: the state of a sync, before `sync_end` told it.
    pub struct Status<'a> {
        /// The state, such as `FAILURE`.
        "status" => status: Cow<'a, str>,
        /// Why, in words.
        "reason" => reason: Cow<'a, str>,
        ..
    }
}

impl Status<'_> {
    /// SEVERE for a failure, WARNING for a rescheduled sync, else INFO.
    pub fn severity(&self) -> Severity {
        match self.status.as_deref() {
            Some("FAILURE" | "FAILURE_WITH_TASK") => Severity::Severe,
            Some("RESCHEDULED") => Severity::Warning,
            _ => Severity::Info,
        }
    }
}

object! {
    /// `forced_pause_connector`: Fivetran paused a connection. Now `pause_connector`, with the actor `Fivetran`.
    pub struct ForcedPauseConnector<'a> {
        /// Who paused it.
        "actor" => actor: Cow<'a, str>,
        /// Connection id.
        "id" => id: Cow<'a, str>,
        /// Why, in words.
        "reason" => reason: Cow<'a, str>,
        ..
    }
}

object! {
    /// Data of `dbt_run_start`, `dbt_run_succeeded` and `dbt_run_failed`, now `transformation_start` and so on.
    pub struct DbtRun<'a> {
        /// Job id.
        "dbtJobId" => dbt_job_id: Cow<'a, str>,
        /// Job name.
        "dbtJobName" => dbt_job_name: Cow<'a, str>,
        /// What started the run.
        "startupDetails" => startup_details: StartupDetails<'a>,
        ..
    }
}

object! {
    /// What started a run of dbt.
    pub struct StartupDetails<'a> {
        /// How it was started.
        "type" => kind: Cow<'a, str>,
        /// User who started it.
        "userId" => user_id: Cow<'a, str>,
        ..
    }
}
