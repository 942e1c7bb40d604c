//! Components and edges, each thing that is said behind the commit that said it.

use std::collections::BTreeSet;
use std::io::Write;

use aisr::diff::field_changes;
use aisr::history::blame::{Event, Gone, Thing, Unread, blame_facets, events, gone};
use aisr::history::{Every, Subject};
use aisr::object::CommitId;
use aisr::view::Value;

use super::{Asked, unread_view, warn_of_unread};
use crate::cli::Answer;
use crate::cli::error::CliError;
use crate::cli::output::{
    Escaped, HEADING, Ids, KIND, Paging, Stamps, inline, json_value, name_shown, write_json,
};

/// The subject as it is typed.
fn name(subject: &Subject) -> String {
    match subject {
        Subject::Component(key) => key.to_string(),
        Subject::Edge(key) => format!("{},{},{}", key.from, key.relation, key.to),
    }
}

pub fn draw(asked: &Asked<'_>, subject: &Subject) -> Result<Answer, CliError> {
    let found = blame_facets(asked.repo, asked.commit, subject)?;
    if found.facets.is_empty() {
        let name = name(subject);
        return draw_gone(asked, &name, &[(name.clone(), Thing::System(subject.clone()))]);
    }
    let ids = Ids::new(asked.repo, asked.context.verbose);
    let commits = found.facets.iter().map(|facet| facet.commit);
    let stamps = Stamps::load(asked.repo, &ids, commits, None, || asked.context.threads())?;
    let json = asked.arguments.json;
    let mut out = asked.context.output(if json { Paging::Off } else { Paging::Auto });
    if json {
        let facet = |facet: &aisr::history::blame::BlamedFacet| {
            serde_json::json!({
                "name": facet.name, "value": facet.value, "commit": facet.commit.to_hex(),
            })
        };
        let view = serde_json::json!({
            "subject": name(subject),
            "commit": asked.commit.to_hex(),
            "facets": found.facets.iter().map(facet).collect::<Vec<_>>(),
            "commits": stamps.view(),
            "unread": unread_view(&found.unread),
        });
        write_json(&mut out, &view)?;
    } else {
        writeln!(out, "{KIND}{}{KIND:#}", name(subject))?;
        let width = found.facets.iter().map(|facet| facet.name.chars().count()).max().unwrap_or(0);
        // The subject itself comes first.
        let there = found.facets.iter().filter(|facet| facet.name == "there");
        let said = found.facets.iter().filter(|facet| facet.name != "there");
        for facet in there.chain(said) {
            let shown = Escaped(facet.name.as_bytes()).to_string();
            let value = match facet.name.as_str() {
                "content" if !asked.context.verbose => facet.value.chars().take(8).collect(),
                _ => Escaped(facet.value.as_bytes()).to_string(),
            };
            let line = format!("{}  {shown:width$}  {value}", stamps.line(facet.commit));
            writeln!(out, "{}", line.trim_end())?;
        }
    }
    out.finish()?;
    warn_of_unread(asked, &found.unread);
    Ok(Answer::Yes)
}

pub fn draw_all(asked: &Asked<'_>, subject: &Subject) -> Result<Answer, CliError> {
    draw_events(asked, &[(name(subject), Thing::System(subject.clone()))])
}

/// Draws all that ever happened to some things, each under its name.
pub fn draw_events(asked: &Asked<'_>, things: &[(String, Thing)]) -> Result<Answer, CliError> {
    let every = Every::load(asked.repo)?;
    let ids = Ids::new(asked.repo, asked.context.verbose);
    let mut all: Vec<(&str, Vec<Event>)> = Vec::new();
    let mut unread = Vec::new();
    for (name, thing) in things {
        let (found, failed) = events(asked.repo, &every, thing);
        all.push((name, found));
        unread.extend(failed);
    }
    let flat = || all.iter().flat_map(|(_, events)| events);
    let lost: BTreeSet<CommitId> =
        flat().filter(|event| !event.reachable).map(|event| event.commit).collect();
    let commits = flat().map(|event| event.commit);
    let stamps = Stamps::load(asked.repo, &ids, commits, Some(&lost), || asked.context.threads())?;
    let json = asked.arguments.json;
    let mut out = asked.context.output(if json { Paging::Off } else { Paging::Auto });
    if json {
        let event = |event: &Event| {
            serde_json::json!({
                "change": word(event),
                "commit": event.commit.to_hex(),
                "before": event.before.as_ref().map(json_value),
                "after": event.after.as_ref().map(json_value),
                "uncertain": event.uncertain,
            })
        };
        let things = all.iter().map(|(name, events)| {
            serde_json::json!({ "name": name, "events": events.iter().map(event).collect::<Vec<_>>() })
        });
        let view = serde_json::json!({
            "things": things.collect::<Vec<_>>(),
            "commits": stamps.view(),
            "unread": unread_view(&unread),
        });
        write_json(&mut out, &view)?;
    } else {
        for (name, events) in &all {
            writeln!(out, "{KIND}{}{KIND:#}", Escaped(name.as_bytes()))?;
            for event in events {
                let mut line = format!("{}  {:8}", stamps.line(event.commit), word(event));
                for change in changes(event) {
                    line += &format!("  {change}");
                }
                if event.uncertain {
                    line += "  (a parent could not be looked at)";
                }
                writeln!(out, "{}", line.trim_end())?;
            }
            if events.is_empty() {
                writeln!(out, "No commit that this clone knows has it, and none ever had.")?;
            }
        }
    }
    out.finish()?;
    warn_of_unread(asked, &unread);
    Ok(match all.iter().all(|(_, events)| events.is_empty()) {
        true => Answer::No,
        false => Answer::Yes,
    })
}

fn word(event: &Event) -> &'static str {
    match (&event.before, &event.after) {
        (None, _) => "new",
        (_, None) => "deleted",
        _ => "changed",
    }
}

/// What an event changed, each on one line.
pub fn changes_between(before: Option<&Value>, after: Option<&Value>) -> Vec<String> {
    match (before, after) {
        (Some(old), Some(new)) => field_changes(old, new)
            .iter()
            .map(|field| {
                let name = field.path.iter().map(|part| name_shown(part)).collect::<Vec<_>>();
                let value = |value: Option<&Value>| value.map_or("nothing".into(), inline);
                let values = format!("{} → {}", value(field.before), value(field.after));
                if name.is_empty() { values } else { format!("{} {values}", name.join(".")) }
            })
            .collect(),
        (None, Some(value)) | (Some(value), None) => vec![inline(value)],
        (None, None) => Vec::new(),
    }
}

fn changes(event: &Event) -> Vec<String> {
    changes_between(event.before.as_ref(), event.after.as_ref())
}

/// Tells who deleted what is not there and is called so: things, each under its own name.
pub fn draw_gone(
    asked: &Asked<'_>,
    name: &str,
    things: &[(String, Thing)],
) -> Result<Answer, CliError> {
    let every = Every::behind(asked.repo, &[asked.commit])?;
    let (mut found, mut unread) = (Vec::new(), Vec::<Unread>::new());
    for (own_name, thing) in things {
        let (deleted, failed) = gone(asked.repo, &every, asked.commit, thing)?;
        found.extend(deleted.into_iter().map(|gone| (own_name, gone)));
        for failed in failed {
            if unread.iter().all(|known| known.commit != failed.commit) {
                unread.push(failed);
            }
        }
    }
    let ids = Ids::new(asked.repo, asked.context.verbose);
    let commits = found.iter().map(|(_, gone)| gone.commit);
    let stamps = Stamps::load(asked.repo, &ids, commits, None, || asked.context.threads())?;
    let mut out = asked.context.output(Paging::Off);
    if asked.arguments.json {
        let one = |(own_name, gone): &(&String, Gone)| {
            serde_json::json!({
                "name": own_name,
                "commit": gone.commit.to_hex(),
                "parent": gone.parent.to_hex(),
                "last": json_value(&gone.last),
            })
        };
        let view = serde_json::json!({
            "name": name,
            "commit": asked.commit.to_hex(),
            "deleted": found.iter().map(one).collect::<Vec<_>>(),
            "commits": stamps.view(),
            "unread": unread_view(&unread),
        });
        write_json(&mut out, &view)?;
    } else {
        let shown = Escaped(name.as_bytes());
        let at = ids.show(asked.commit.id());
        match found.is_empty() {
            true => writeln!(out, "{shown} is not in {at}, and never was in what lies behind it")?,
            false => writeln!(out, "{HEADING}{shown} is not in {at}; deleted by{HEADING:#}")?,
        }
        for (own_name, gone) in &found {
            let mut line = stamps.line(gone.commit) + "  ";
            if *own_name != name {
                line += &format!("{}  ", Escaped(own_name.as_bytes()));
            }
            writeln!(out, "{line}{}", inline(&gone.last))?;
        }
    }
    out.finish()?;
    warn_of_unread(asked, &unread);
    if !asked.arguments.json && !asked.context.quiet {
        match found.first() {
            Some((_, gone)) => {
                let parent = &gone.parent.to_hex()[..8];
                hint(&format!(
                    "asked with {parent} as its revision, it tells where that came from"
                ));
            }
            None => hint("--all looks at every commit that this clone knows"),
        }
    }
    Ok(Answer::No)
}

fn hint(text: &str) {
    use crate::cli::output::HINT;
    anstream::eprintln!("{HINT}hint:{HINT:#} {text}");
}
