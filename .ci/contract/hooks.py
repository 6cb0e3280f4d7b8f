"""What Schemathesis has to know besides the description."""

import schemathesis


@schemathesis.hook
def filter_case(context, case):
    """Leaves out requests that are not what Schemathesis takes them for.

    A form needs a file, which its schema, the contract's own, does not say.

    Schemathesis breaks the schema of a form and does not look at the outcome if
    that holds files, which it cannot judge. What it has broken may not show in the
    form. And it takes a query parameter that is not described for a wrong one.
    """
    if "x-schemathesis-unknown-property" in (case.query or {}):
        return False
    broken = {location.value for location, part in case.meta.components.items() if part.mode.is_negative}
    if not broken and case.media_type == "multipart/form-data":
        return is_valid(case.body)
    return broken != {"body"} or not is_valid(case.body)


def is_valid(form):
    """Whether the form has files, and nothing but files in the place of files."""
    files = form.get("files") if isinstance(form, dict) else None
    return isinstance(files, list) and 0 < len(files) <= 1000 and all(hasattr(file, "data") for file in files)
