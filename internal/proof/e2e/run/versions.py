"""Translates a template as SAM does on AWS, once for each case of standard input,
and writes the logical ids that SAM makes from hashes.

A case is {"code": text, "parameters": {name: value}}; "code" stands for where
the code of the functions lies. An answer is a list of logical ids.
"""

import copy
import json
import logging
import sys

import boto3
from samcli.yamlhelper import yaml_parse
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

HASHED = "AWS::Lambda::Version", "AWS::ApiGateway::Deployment"


def translate(template, case):
    template = copy.deepcopy(template)
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = f"s3://code/{name}/{case['code']}"
    translator = Translator({}, Parser(), boto_session=boto3.Session())
    resources = translator.translate(template, case["parameters"])["Resources"]
    return [name for name, resource in resources.items() if resource["Type"] in HASHED]


logging.disable()
with open(sys.argv[1], encoding="utf-8") as file:
    parsed = yaml_parse(file.read())
json.dump([translate(parsed, case) for case in json.load(sys.stdin)], sys.stdout)
