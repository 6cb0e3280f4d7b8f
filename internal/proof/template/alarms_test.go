package template_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"

	"uploadfiles/internal/proof/template"
)

var alarms = map[string]object{
	"FunctionThrottlesAlarm": ofBoth("AWS/Lambda", "Throttles", "FunctionName", "Throttled requests", "GreaterThanThreshold", 0),
	"SlowUploadsAlarm": {"Namespace": "AWS/Lambda", "MetricName": "Duration", "ExtendedStatistic": "p99", "Threshold": 10000,
		"ComparisonOperator": "GreaterThanThreshold", "Dimensions": list(object{"Name": "FunctionName", "Value": object{"Ref": "UploadFunction"}})},
	"ServerErrorsAlarm": {"Namespace": "AWS/ApiGateway", "MetricName": "5XXError", "Statistic": "Average", "Threshold": 0.01,
		"ComparisonOperator": "GreaterThanThreshold",
		"Dimensions":         list(object{"Name": "ApiName", "Value": "uploads"}, object{"Name": "Stage", "Value": "live"})},
	"AuthenticationFailuresAlarm": ofBoth("UploadFiles", "AuthenticationFailures", "Function", "Wrong session keys",
		"GreaterThanOrEqualToThreshold", 100),
	"SecretRefreshFailuresAlarm": ofBoth("UploadFiles", "SecretRefreshFailures", "Function", "Failed reads of the session key",
		"GreaterThanThreshold", 0),
	"FunctionErrorsAlarm": errorsOf("UploadFunction"),
	"FilesErrorsAlarm":    errorsOf("FilesFunction"),
}

// errorsOf is an alarm at one error in a hundred invocations.
func errorsOf(function string) object {
	return object{"ComparisonOperator": "GreaterThanThreshold", "Threshold": 1, "Metrics": list(
		object{"Id": "percent", "Label": "Errors in percent", "Expression": "100 * errors / invocations", "ReturnData": true},
		sum("errors", "AWS/Lambda", "Errors", "FunctionName", function),
		sum("invocations", "AWS/Lambda", "Invocations", "FunctionName", function))}
}

// ofBoth is an alarm on a metric of both functions together.
func ofBoth(namespace, metric, dimension, label, operator string, threshold int) object {
	return object{"ComparisonOperator": operator, "Threshold": threshold, "Metrics": list(
		object{"Id": "both", "Label": label, "Expression": "FILL(upload, 0) + FILL(files, 0)", "ReturnData": true},
		sum("upload", namespace, metric, dimension, "UploadFunction"),
		sum("files", namespace, metric, dimension, "FilesFunction"))}
}

func sum(id, namespace, metric, dimension, function string) object {
	return object{"Id": id, "ReturnData": false, "MetricStat": object{"Period": 60, "Stat": "Sum", "Metric": object{
		"Namespace": namespace, "MetricName": metric,
		"Dimensions": list(object{"Name": dimension, "Value": object{"Ref": function}})}}}
}

var alarmPromises = append(eachAlarm(),
	property("Resources.SlowUploadsAlarm.Properties.Threshold", 500, "SlowUploadMilliseconds=500"),
	property("Resources.AuthenticationFailuresAlarm.Properties.Threshold", 5, "AuthenticationFailureLimit=5"),
	promise{
		name: "an e-mail address gets a topic, unless there is one",
		check: func(t template.Template) error {
			return all(
				equal(t, "Resources.AlarmTopic", nil),
				equal(t, "Resources.AlarmTopic", nil, "AlarmEmail=a@example.com", "AlarmTopicArn="+someTopic),
				equal(t, "Resources.AlarmTopic.Properties.Subscription",
					list(object{"Protocol": "email", "Endpoint": "a@example.com"}), "AlarmEmail=a@example.com"),
				equal(t, "Resources.AlarmTopic.Properties.KmsMasterKeyId", nil, "AlarmEmail=a@example.com"),
				equal(t, "Resources.AlarmTopic.Properties.KmsMasterKeyId", someKey, "AlarmEmail=a@example.com", "KmsKeyArn="+someKey),
			)
		},
		breaks: append(remove("Resources.AlarmTopic.Condition", "Resources.AlarmTopic.Properties.Subscription",
			"Resources.AlarmTopic.Properties.KmsMasterKeyId"),
			// Nothing can be published under the key of SNS by CloudWatch.
			change{"Resources.AlarmTopic.Properties.KmsMasterKeyId", "alias/aws/sns"}),
	},
	promise{
		name: "there are these alarms and no others",
		check: func(t template.Template) error {
			resolved, err := resolve(t)
			if err != nil {
				return err
			}
			var got []string
			for name, resource := range resolved["Resources"].(object) {
				if resource.(object)["Type"] == "AWS::CloudWatch::Alarm" {
					got = append(got, name)
				}
			}
			slices.Sort(got)
			if diff := cmp.Diff(slices.Sorted(maps.Keys(alarms)), got); diff != "" {
				return fmt.Errorf("alarms (-want +got):\n%s", diff)
			}
			return nil
		},
		breaks: []change{{"Resources.SlowUploadsAlarm", nil}, {"Resources.SlowUploadsAlarm.Type", "AWS::SNS::Topic"},
			{"Resources.Another", object{"Type": "AWS::CloudWatch::Alarm"}}},
	},
	promise{
		name: "the dashboard can be left out, and is JSON with every alarm in it",
		check: func(t template.Template) error {
			if err := equal(t, "Resources.Dashboard", nil, "CreateDashboard=false"); err != nil {
				return err
			}
			value, err := get(t, "Resources.Dashboard.Properties.DashboardBody.Fn::Sub")
			if err != nil {
				return err
			}
			body, _ := value.(string)
			if !json.Valid([]byte(body)) {
				return errors.New("the dashboard is not JSON")
			}
			for alarm := range alarms {
				if !strings.Contains(body, `"${`+alarm+`.Arn}"`) {
					return fmt.Errorf("the dashboard does not show %s", alarm)
				}
			}
			return equal(t, "Resources.Dashboard.Properties.DashboardName", "uploads-eu-central-1")
		},
		breaks: append(remove("Resources.Dashboard", "Resources.Dashboard.Condition", "Resources.Dashboard.Properties.DashboardName"),
			change{"Resources.Dashboard.Properties.DashboardBody", object{"Fn::Sub": "{"}},
			change{"Resources.Dashboard.Properties.DashboardBody", object{"Fn::Sub": "{}"}}),
	},
)

func eachAlarm() []promise {
	var promises []promise
	for _, name := range slices.Sorted(maps.Keys(alarms)) {
		path := "Resources." + name + ".Properties"
		promises = append(promises, promise{
			name:  name + " watches its metric, 2 of 3 minutes, and tells someone",
			check: func(t template.Template) error { return checkAlarm(t, name) },
			breaks: append(remove(path+".AlarmActions", path+".OKActions", path+".TreatMissingData", path+".EvaluationPeriods"),
				change{path + ".DatapointsToAlarm", 3},
				change{path + ".ComparisonOperator", "LessThanThreshold"},
				change{path + ".Threshold", 1e9},
				change{path + ".MetricName", "Nothing"},
				change{path + ".Dimensions", list()},
				change{path + ".AlarmActions", list()},
			),
		})
	}
	return promises
}

func checkAlarm(t template.Template, name string) error {
	path := "Resources." + name + ".Properties"
	want := maps.Clone(alarms[name])
	want["EvaluationPeriods"], want["DatapointsToAlarm"], want["TreatMissingData"] = 3, 2, "notBreaching"
	if want["MetricName"] != nil {
		want["Period"] = 60
	}
	for _, c := range []struct {
		parameters []string
		action     any
	}{
		{nil, nil},
		{[]string{"AlarmEmail=a@example.com"}, object{"Ref": "AlarmTopic"}},
		{[]string{"AlarmTopicArn=" + someTopic}, someTopic},
		{[]string{"AlarmTopicArn=" + someTopic, "AlarmEmail=a@example.com"}, someTopic},
	} {
		if c.action != nil {
			want["AlarmActions"], want["OKActions"] = list(c.action), list(c.action)
		}
		value, err := get(t, path, c.parameters...)
		if err != nil {
			return err
		}
		got, _ := value.(object)
		got = maps.Clone(got)
		if words, _ := got["AlarmDescription"].(string); words == "" {
			return fmt.Errorf("%s does not say what is wrong", name)
		}
		delete(got, "AlarmDescription")
		if diff := cmp.Diff(want, got); diff != "" {
			return fmt.Errorf("%s with %v (-want +got):\n%s", name, c.parameters, diff)
		}
	}
	return nil
}
