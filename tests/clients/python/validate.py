"""Reads answers, one JSON object a line with `schema`, `text` and `finish`; says how many fit their schema, and how many were cut off.

What the server masked is no longer what the model was held to: of an answer with a mask only that it is JSON is asked.
"""

import json
import sys

from jsonschema import Draft202012Validator

valid, masked, cut = 0, 0, 0
for line in sys.stdin:
    answer = json.loads(line)
    text, schema = answer["text"], answer["schema"]
    try:
        value = json.loads(text)
    except ValueError:
        cut += answer["finish"] == "length"
        print(f"{answer['ask']}: no JSON ({answer['finish']}): {text}")
        continue
    checker = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    errors = [] if "⟦" in text else [error.message for error in checker.iter_errors(value)]
    masked += "⟦" in text
    if errors:
        print(f"{answer['ask']}: {errors}: {text}")
    else:
        valid += 1
print(json.dumps({"valid": valid, "masked": masked, "cut": cut}))
