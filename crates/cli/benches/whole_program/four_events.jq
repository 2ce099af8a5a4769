# The mapping of a pipeline log to sync_start, records_modified, update_state and sync_end, as far as jq goes: it has no
# SHA-1, so `sync_id` is the record's URL, and no NFKD, so accents are dropped with their letters.
#
#   jq -c -f four_events.jq pipeline_logs.ndjson

def slug: ascii_downcase | gsub("[^a-z0-9]+"; "_") | ltrimstr("_") | rtrimstr("_");
def millis: (.[0:19] + "Z" | fromdateiso8601) * 1000 + (.[20:23] | tonumber);
def iso: (. / 1000 | floor | todateiso8601 | .[0:19]) + "." + ("00" + (. % 1000 | tostring) | .[-3:]) + "Z";
def number: if type == "string" then (tonumber? // null) else . end;

. as $record
| (.createdAt | millis) as $ended
| ($ended - ([(.execution_time_seconds | number // 0) * 1000 | round, 7] | max)) as $start
| ((.raw_row_count | number) // (.row_count | number)) as $rows
| ("pipeline_" + (.pipeline_id | tostring)) as $id
| ((.pipeline_name | slug) + "_" + (.pipeline_id | tostring)) as $name
| (.pipeline_name | split(" - ")) as $parts
| {
    connector_type: "kondado",
    connector_id: $id,
    connector_name: $name,
    connection_id: $id,
    connection_name: $name,
    sync_id: ("https://k2.kondado.com.br/pipeline_logs/" + (.id | tostring))
  } as $tail
| (
    {event: "sync_start", created: ($start | iso)} + $tail,
    (if $rows then
      {
        event: "records_modified",
        data: {
          schema: ($parts[0:-1] | join(" - ") | slug),
          table: ($parts[-1] | slug),
          operationType: "REPLACED_OR_INSERTED",
          count: $rows
        },
        created: ($ended - 4 | iso)
      } + $tail
    else empty end),
    (if .initial_savepoint != null or .new_savepoint != null then
      {
        event: "update_state",
        data: {state: {initial_savepoint: .initial_savepoint, new_savepoint: .new_savepoint}},
        created: ($ended - 2 | iso)
      } + $tail
    else empty end),
    {event: "sync_end", data: {status: "SUCCESSFUL"}, created: ($ended | iso)} + $tail
  )
