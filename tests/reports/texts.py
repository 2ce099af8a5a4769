"""Texts and file names that a report can stumble over."""

import json

TIME = "2024-11-20T05:00:01.112Z"
MARKS = "<&>\"'%:,;]]> ::error::x %0A"


def event(**members):
    return json.dumps({"event": "sync_start", "created": TIME, **members}, ensure_ascii=False) + "\n"


TEXTS = {
    "bom_crlf.ndjson": "\ufeff" + '{"event":7,"created":"' + TIME + '"}\r\n{"event":"sync_start","created":7}\r\n',
    "wide.ndjson": event(connector_name="é日本😀", created=7) + '{"é😀":"日本","event":"sync_start","created":"' + TIME + '"}\n',
    "marks.ndjson": event(**{MARKS: 1}) + event(created=MARKS) + event(event=MARKS),
    "slash.ndjson": event(**{"a/b~c": 1, "~1": 2, "": 3}),
    "escapes.ndjson": event(created="a\u0000\u001b[31m\n\r\tb") + event(**{"k\u0001\n": 1}) + event(event="\u0007"),
    "controls.ndjson": event(created="a\x7f\x85\u2028b") + event(created="\ufffe\uffff"),
    "surrogate.ndjson": '{"event":"sync_start","created":"\\ud83d\\ude00"}\n{"event":"sync_start","created":"\\ud800"}\n',
    "long.ndjson": event(created="x" * 500) + event(connection_name=["y" * 500]) + event(**{"z" * 500: 1}),
    "twice.ndjson": '{"event":"sync_end","data":{"status":"SUCCESSFUL","status":7},"created":"' + TIME + '"}\n'
    '{"event":"sync_end","data":{"status":"SUCCESSFUL"},"created":1,"data":{"status":7},"created":"' + TIME + '"}\n'
    '{"event":"sync_end","created":{"data":1},"data":{"created":1,"status":{"created":2}}}\n'
    '{"event":"sync_start","cre\\u0061ted":7}\n',
    "many_lines.json": '[\n  {\n\t"event" :\n "records_modified",\n    "data": {\n      "é": 1, "count"\n:\n   "12"\n    },'
    '\n    "created": {\n "a": 1\n}\n  },\n\n  {"event": "sync_end", "data": [], "created": "' + TIME + '"}\n]\n',
    "page.json": '{"success": true, "data": [\n  {"id": 12, "pipeline_id": 702, "createdAt": "' + TIME + '", "extra<": 1},\n'
    '  {"id": 13, "pipeline_id": "é702", "createdAt": "yesterday"}, {"id": "", "model_id": 1}\n]}\n',
    "rows.ndjson": "".join(
        json.dumps({"id": "é", "time_stamp": when, "event": "INFO", "message_event": name, "message_data": data}) + "\n"
        for when, name, data in [
            (TIME, "records_modified", '{"schema":"s","tabel":"t","count":"12"}'),
            (TIME, "records_modified", json.dumps('{"count":"12"}')),
            (TIME, "records_modified", {"count": "12"}),
            (7, "sync_start", None),
            (TIME, "sync_ends", None),
        ]
    )
    + json.dumps({"time_stamp": TIME, "message_event": "sync_start", "connection_id": 4})
    + "\n",
    "deep.ndjson": json.dumps({"event": "extract_summary", "created": TIME, "data": {"objects": [{"name": 1}, {"name": []}]}})
    + "\n"
    + '{"event":"edit_connection","created":"'
    + TIME
    + '","data":{"newValues":{"schema_changes":{"phase":"2"}}}}\n',
    "broken.ndjson": event() + "not json\n" + '{"event":"sync_end","data":\n' + event(created=7) + '{"foo":1}\n[1,"é",{"event":7}]\n',
    "not_utf8.ndjson": b'{"event":"sync_start","created":"' + TIME.encode() + b'"}\n',
    "packed.ndjson.gz": event() + event(created=7),
    "empty.ndjson": "",
    "blanks.ndjson": " \n\t\r\n",
}

NAMES = [
    "with blanks.json",
    "ordner é/日本 😀.json",
    "it's \"quoted\".json",
    "<&>]]>.json",
    "100%.json",
    "%41%0A.json",
    "a:b,c;d=e.json",
    "::error::x.json",
    "#?&+.json",
    "-dash.json",
    "./here/../here/dots.json",
    "line\nfeed.json",
    "back\\slash.json",
    "*[x].json",
]
