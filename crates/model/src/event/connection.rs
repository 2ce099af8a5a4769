//! Tests of a connection, and access to it by Fivetran's support.
//!
//! Source: Fivetran's Logs documentation, "Connector log events" and "Log event details".

use std::borrow::Cow;

/// Declares the event of a connection test; success and failure carry the same members.
macro_rules! connection_test {
    ($(#[doc = $doc:literal])* $Name:ident) => {
        object! {
            $(#[doc = $doc])*
            pub struct $Name<'a> {
                /// Who ran the test: the e-mail address of the account.
                "actor" => actor: Cow<'a, str>,
                /// Connection id.
                "id" => id: Cow<'a, str>,
                /// Name of the test.
                "testName" => test_name: Cow<'a, str>,
                /// What the test says; empty after a success.
                "message" => message: Cow<'a, str>,
            }
        }
    };
}

connection_test! {
    /// `connection_failure`: no connection to the source could be made.
    ConnectionFailure
}

connection_test! {
    /// `connection_successful`: a connection to the source was made.
    ConnectionSuccessful
}

object! {
    /// `diagnostic_access_granted`: Fivetran's support looked at data to find a fault.
    pub struct DiagnosticAccessGranted<'a> {
        /// The access in words.
        "message" => message: Cow<'a, str>,
        /// Connection name.
        "connectionName" => connection_name: Cow<'a, str>,
        /// Connection name. Deprecated in favour of `connectionName`.
        "connectorName" => connector_name: Cow<'a, str>,
        /// Destination name.
        "destinationName" => destination_name: Cow<'a, str>,
        /// Who asked for it, by the name that the support's ticket has.
        "requester" => requester: Cow<'a, str>,
        /// Number of the support's ticket.
        "supportTicket" => support_ticket: Cow<'a, str>,
    }
}

object! {
    /// `diagnostic_access_ended`: the access of Fivetran's support ended with its ticket. No data is documented, though there may
    /// be some.
    pub struct DiagnosticAccessEnded<'a> {
        ..
    }
}

object! {
    /// `diagnostic_access_expired`: the time of the access of Fivetran's support ran out. No data is documented, though there
    /// may be some.
    pub struct DiagnosticAccessExpired<'a> {
        ..
    }
}
