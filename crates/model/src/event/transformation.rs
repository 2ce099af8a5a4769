//! Events of transformations: dbt jobs, Quickstart models, external orchestration, and Kondado models.
//!
//! Source: Fivetran's Logs documentation, "Transformation" and "Log event details". The envelopes of these events have
//! no `connector_*`, `connection_*` or `sync_id` keys.

use std::borrow::Cow;

use super::open_set::TransformationType;
use crate::json::Json;
use crate::payload::Time;

object! {
    /// `transformation_start`: a job run began.
    pub struct TransformationStart<'a> {
        /// Job id.
        "id" => id: Cow<'a, str>,
        /// Job name.
        "name" => name: Cow<'a, str>,
        /// When the run began.
        "startTime" => start_time: Time<'a>,
        /// What runs the job.
        "transformationType" => transformation_type: TransformationType<'a>,
        /// The job's schedule.
        "schedule" => schedule: Schedule<'a>,
    }
}

object! {
    /// The schedule of a job. Its documented form is that of `cron`; others exist.
    pub struct Schedule<'a> {
        /// What kind of schedule, such as `cron`.
        "type" => kind: Cow<'a, str>,
        /// When it runs: of `cron`, expressions such as `*/3 * * * *`.
        "entries" => entries: Vec<Json<'a>>,
        /// Ids of the connections after whose syncs it runs. (Readers take an array; not documented.)
        "integrations" => integrations: Vec<Json<'a>>,
        ..
    }
}

/// Declares the event of an ended run; success and failure carry the same members.
macro_rules! ended_run {
    ($(#[doc = $doc:literal])* $Name:ident) => {
        object! {
            $(#[doc = $doc])*
            pub struct $Name<'a> {
                /// Job id.
                "id" => id: Cow<'a, str>,
                /// Job name.
                "name" => name: Cow<'a, str>,
                /// When the run began.
                "startTime" => start_time: Time<'a>,
                /// What runs the job.
                "transformationType" => transformation_type: TransformationType<'a>,
                /// The job's schedule.
                "schedule" => schedule: Schedule<'a>,
                /// When the run ended.
                "endTime" => end_time: Time<'a>,
                /// What came of it.
                "result" => result: RunResult<'a>,
            }
        }
    };
}

ended_run! {
    /// `transformation_succeeded`: a job run ended well.
    TransformationSucceeded
}

ended_run! {
    /// `transformation_failed`: a job run failed.
    TransformationFailed
}

object! {
    /// The result of a job run.
    pub struct RunResult<'a> {
        /// One for each step.
        "stepResults" => step_results: Vec<StepResult<'a>>,
        /// The error, if the job failed outside of its steps.
        "error" => error: Option<Cow<'a, str>>,
        /// A summary: `Steps: successful 1, failed 0`.
        "description" => description: Cow<'a, str>,
    }
}

object! {
    /// The result of one step.
    pub struct StepResult<'a> {
        /// The step itself.
        "step" => step: Step<'a>,
        /// Whether it ended well.
        "success" => success: bool,
        /// When it began.
        "startTime" => start_time: Time<'a>,
        /// When it ended.
        "endTime" => end_time: Time<'a>,
        /// What its command gave back.
        "commandResult" => command_result: CommandResult<'a>,
        /// The exception, if one occurred.
        "error" => error: Option<Cow<'a, str>>,
        /// Models that ran well.
        "successfulModelRuns" => successful_model_runs: i64,
        /// Models that failed.
        "failedModelRuns" => failed_model_runs: i64,
        /// One for each model.
        "modelResults" => model_results: Vec<ModelResult<'a>>,
    }
}

object! {
    /// A step of a job.
    pub struct Step<'a> {
        /// Step name.
        "name" => name: Cow<'a, str>,
        /// The command, for `DBT_CORE`.
        "command" => command: Option<Cow<'a, str>>,
        /// The command, for `QUICKSTART`.
        "processBuilderCommand" => process_builder_command: Option<Json<'a>>,
    }
}

object! {
    /// What a step's command gave back.
    pub struct CommandResult<'a> {
        /// Exit code.
        "exitCode" => exit_code: i64,
        /// Standard output.
        "output" => output: Cow<'a, str>,
        /// Standard error.
        "error" => error: Cow<'a, str>,
    }
}

object! {
    /// The result of one model.
    pub struct ModelResult<'a> {
        /// Model name.
        "name" => name: Cow<'a, str>,
        /// The category of the error, such as `UNCATEGORIZED`.
        "errorCategory" => error_category: Option<Cow<'a, str>>,
        /// More about the error.
        "errorData" => error_data: Option<Json<'a>>,
        /// Whether the model ran well.
        "succeeded" => succeeded: bool,
    }
}
