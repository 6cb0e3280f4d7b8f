#!/bin/sh
# SAM publishes no new version of a function when only parameters have changed.
#
# Versions:  aws-sam-translator 1.115.0, as a library.
# Expected:  with AutoPublishAlias, a deployment that changes the function's memory or
#            environment publishes a version and moves the alias to it; at the least
#            with AutoPublishAliasAllProperties.
# Behaviour: the version's logical id, by which CloudFormation knows a new one, is a
#            hash of the template as it was written: another literal gives another
#            id, and another value of the parameter that is referred to does not. With
#            AutoPublishAliasAllProperties it is the same.
# Hurts:     who deploys with --parameter-overrides: the deployment succeeds, the
#            console shows the new settings, and every caller of the alias goes on
#            with the old ones, a setting that was meant to close a hole included.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

python3 -m venv "$work/env"
"$work/env/bin/pip" install -q --disable-pip-version-check aws-sam-translator==1.115.0
AWS_DEFAULT_REGION=us-east-1 "$work/env/bin/python" - 2>"$work/log" <<'P' || { code=$?; cat "$work/log"; exit "$code"; }
import sys
from samtranslator.translator.transform import transform


class NoPolicies:
    def load(self):
        return {}


def version(memory, parameters, every):
    """The logical id of the version that SAM makes of a function."""
    function = {"CodeUri": "s3://bucket/code.zip", "Handler": "bootstrap", "Runtime": "provided.al2023",
                "AutoPublishAlias": "live", "AutoPublishAliasAllProperties": every, "MemorySize": memory}
    template = {"AWSTemplateFormatVersion": "2010-09-09", "Transform": "AWS::Serverless-2016-10-31",
                "Parameters": {"Memory": {"Type": "Number", "Default": 512}},
                "Resources": {"Upload": {"Type": "AWS::Serverless::Function", "Properties": function}}}
    resources = transform(template, parameters, NoPolicies())["Resources"]
    return next(name for name, r in resources.items() if r["Type"] == "AWS::Lambda::Version")


held = True
for every in False, True:
    literals = [version(memory, {}, every) for memory in (512, 1024)]
    values = [version({"Ref": "Memory"}, {"Memory": memory}, every) for memory in ("512", "1024")]
    print(f"AutoPublishAliasAllProperties: {str(every).lower()}")
    print("  MemorySize 512, 1024 as literals:      ", *literals)
    print("  MemorySize 512, 1024 by the parameter: ", *values)
    held = held and literals[0] != literals[1] and values[0] == values[1]
sys.exit(not held)
P
