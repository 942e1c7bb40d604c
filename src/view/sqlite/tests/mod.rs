//! Tests of the view of databases.
