package template_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/google/go-cmp/cmp"

	"uploadfiles/internal/proof/template"
)

var apiPromises = []promise{
	property(api+".Type", "AWS::Serverless::Api"),
	property(api+".Properties.Name", "uploads"),
	property(api+".Properties.StageName", "live"),
	property(api+".Properties.EndpointConfiguration.Type", "REGIONAL"),
	property(api+".Properties.BinaryMediaTypes", list("multipart~1form-data", "application~1zip")),
	property(api+".Properties.OpenApiVersion", "3.0.1"),
	property(api+".Properties.Auth", object{"ApiKeyRequired": false}),
	property(api+".Properties.TracingEnabled", true),
	property(api+".Properties.CacheClusterEnabled", nil).without(),
	property(api+".Properties.AccessLogSetting.DestinationArn",
		object{"Fn::Sub": "arn:aws:logs:eu-central-1:123456789012:log-group:${UploadApiLogs}"}),
	property(api+".Properties.MethodSettings", list(object{
		"ResourcePath": "/*", "HttpMethod": "*", "ThrottlingRateLimit": 100, "ThrottlingBurstLimit": 200,
		"DataTraceEnabled": false})),
	property(api+".Properties.MethodSettings", list(object{
		"ResourcePath": "/*", "HttpMethod": "*", "ThrottlingRateLimit": 5, "ThrottlingBurstLimit": 7,
		"DataTraceEnabled": false}), "ThrottleRate=5", "ThrottleBurst=7"),
	{
		name:  "the access log is JSON and has no header, query or body",
		check: func(t template.Template) error { return checkAccessLog(t) },
		breaks: []change{
			{api + ".Properties.AccessLogSetting", nil},
			{api + ".Properties.AccessLogSetting.Format", "$context.requestId"},
			{api + ".Properties.AccessLogSetting.Format", `{"requestId":"$context.requestId","key":"$context.requestOverride.header.X-Session-API-Key"}`},
			{api + ".Properties.AccessLogSetting.Format", `{"requestId":"$context.requestId","key":"$input.params('X-Session-API-Key')"}`},
			{api + ".Properties.AccessLogSetting.Format", `{"requestId":"$context.requestId","query":"$context.requestOverride.querystring"}`},
			{api + ".Properties.AccessLogSetting.Format", `{"time":"$context.requestTime"}`},
			{api + ".Properties.AccessLogSetting.Format", `{"requestId":"$context.requestId","errorMessage":$context.error.message}`},
			{api + ".Properties.AccessLogSetting.Format", `{"requestId":"$context.requestId","errorMessage":$context.error.messageString}`},
		},
	},
	{
		name: "what the gateway answers itself has the shape of the function's errors",
		check: func(t template.Template) error {
			return all(
				checkGatewayResponses(t, nil), checkGatewayResponses(t, "'*'", "CorsAllowedOrigins=https://a.example"),
				checkDirect(t, 5<<30), checkDirect(t, 7, "MaxDirectFileSize=7"),
			)
		},
		breaks: append(remove(
			api+".Properties.GatewayResponses",
			api+".Properties.GatewayResponses.DEFAULT_4XX",
			api+".Properties.GatewayResponses.DEFAULT_5XX.ResponseTemplates",
			api+".Properties.GatewayResponses.DEFAULT_5XX.ResponseParameters",
			api+".Properties.GatewayResponses.MISSING_AUTHENTICATION_TOKEN.StatusCode",
			api+".Properties.GatewayResponses.REQUEST_TOO_LARGE.StatusCode",
			api+".Properties.GatewayResponses.INTEGRATION_TIMEOUT.StatusCode",
			api+".Properties.GatewayResponses.THROTTLED.StatusCode",
			api+".Properties.GatewayResponses.THROTTLED.ResponseParameters.Headers.Retry-After",
			api+".Properties.GatewayResponses.INTEGRATION_TIMEOUT.ResponseParameters.Headers.Retry-After",
			api+".Properties.GatewayResponses.THROTTLED.ResponseParameters.Headers.Access-Control-Expose-Headers",
			api+".Properties.GatewayResponses.INTEGRATION_TIMEOUT.ResponseParameters.Headers.Access-Control-Expose-Headers",
		),
			change{api + ".Properties.GatewayResponses.DEFAULT_5XX.ResponseTemplates.application/json", `{"message":"no"}`},
			change{api + ".Properties.GatewayResponses.DEFAULT_5XX.ResponseTemplates.application/json", `{"detail":`},
			change{api + ".Properties.GatewayResponses.REQUEST_TOO_LARGE.ResponseTemplates.application/json", `{"detail":"no"}`},
			change{api + ".Properties.GatewayResponses.REQUEST_TOO_LARGE.ResponseTemplates.application/json",
				object{"Fn::Sub": `{"detail":"no","direct":{"params":"/s3/params","multipart":"s3/multipart","max_file_size":${MaxDirectFileSize}}}`}},
			change{api + ".Properties.GatewayResponses.REQUEST_TOO_LARGE.ResponseTemplates.application/json",
				`{"detail":"no","direct":{"params":"s3/params","multipart":"s3/multipart","max_file_size":5368709120}}`},
			change{api + ".Properties.GatewayResponses.DEFAULT_4XX.ResponseParameters.Headers.Access-Control-Allow-Origin", "'*'"},
		),
	},
	{
		name: "a host name of one's own takes the place of the default address",
		check: func(t template.Template) error {
			own := []string{"DomainName=up.example.com", "CertificateArn=" + someCert}
			zone := append(own, "HostedZoneId=Z123")
			record := func(kind string) object {
				return object{"Name": "up.example.com", "Type": kind, "AliasTarget": object{
					"DNSName":      object{"Fn::GetAtt": list("ApiDomain", "RegionalDomainName")},
					"HostedZoneId": object{"Fn::GetAtt": list("ApiDomain", "RegionalHostedZoneId")}}}
			}
			return all(
				equal(t, api+".Properties.DisableExecuteApiEndpoint", false),
				equal(t, domain, nil),
				equal(t, "Resources.ApiDomainMapping", nil),
				equal(t, "Resources.ApiDomainRecord", nil, own...),
				equal(t, "Outputs.DomainTarget", nil),
				equal(t, api+".Properties.DisableExecuteApiEndpoint", true, own...),
				equal(t, domain+".Properties", object{"DomainName": "up.example.com", "RegionalCertificateArn": someCert,
					"SecurityPolicy": "TLS_1_2", "EndpointConfiguration": object{"Types": list("REGIONAL")}}, own...),
				equal(t, "Resources.ApiDomainMapping.Properties", object{"DomainName": object{"Ref": "ApiDomain"},
					"RestApiId": object{"Ref": "UploadApi"}, "Stage": object{"Ref": "UploadApi.Stage"}}, own...),
				equal(t, "Resources.ApiDomainRecord.Properties", object{"HostedZoneId": "Z123",
					"RecordSets": list(record("A"), record("AAAA"))}, zone...),
				equal(t, "Outputs.ApiUrl.Value", "https://up.example.com", own...),
				equal(t, "Outputs.PageUrl.Value", "https://up.example.com/", own...),
				equal(t, "Outputs.ApiUrl.Value", "https://up.example.com/chat/v1", append(own, "BasePath=chat/v1")...),
				equal(t, "Outputs.PageUrl.Value", "https://up.example.com/chat/v1/", append(own, "BasePath=chat/v1")...),
				refused(t, "DomainName=up.example.com"),
				refused(t, "HostedZoneId=Z123"),
			)
		},
		breaks: append(remove(domain+".Condition", "Resources.ApiDomainMapping.Condition", "Resources.ApiDomainRecord.Condition",
			api+".Properties.DisableExecuteApiEndpoint", domain+".Properties.SecurityPolicy",
			"Outputs.DomainTarget.Condition", "Rules.DomainNeedsCertificate", "Rules.ZoneNeedsDomain",
			"Resources.ApiDomainMapping.Properties.Stage", "Resources.ApiDomainRecord.Properties.RecordSets.1"),
			change{domain + ".Properties.SecurityPolicy", "TLS_1_0"},
			change{"Outputs.ApiUrl.Value", "https://example.com"},
			change{"Outputs.ApiUrl.Value.Fn::If.1", object{"Fn::Sub": "https://${DomainName}"}},
			change{"Outputs.PageUrl.Value.Fn::If.1", object{"Fn::Sub": "https://${DomainName}/"}},
		),
	},
	{
		name: "the firewall blocks by address and reads no body",
		check: func(t template.Template) error {
			const on = "WafRateLimit=500"
			visibility := func(name string) object {
				return object{"CloudWatchMetricsEnabled": true, "MetricName": name, "SampledRequestsEnabled": false}
			}
			return all(
				equal(t, firewall, nil),
				equal(t, "Resources.FirewallAssociation", nil),
				equal(t, firewall+".Properties.Rules", list(
					object{"Name": "requests-per-address", "Priority": 0,
						"Action": object{"Block": object{"CustomResponse": object{"ResponseCode": 429,
							"CustomResponseBodyKey": "too-many-requests",
							"ResponseHeaders":       list(object{"Name": "Retry-After", "Value": "300"})}}},
						"Statement":        object{"RateBasedStatement": object{"AggregateKeyType": "IP", "Limit": 500}},
						"VisibilityConfig": visibility("requests-per-address")},
					object{"Name": "known-bad-addresses", "Priority": 1, "OverrideAction": object{"None": object{}},
						"Statement": object{"ManagedRuleGroupStatement": object{"VendorName": "AWS",
							"Name": "AWSManagedRulesAmazonIpReputationList"}},
						"VisibilityConfig": visibility("known-bad-addresses")}), on),
				equal(t, firewall+".Properties.VisibilityConfig", visibility("uploads-firewall"), on),
				equal(t, firewall+".Properties.Scope", "REGIONAL", on),
				equal(t, firewall+".Properties.DefaultAction", object{"Allow": object{}}, on),
				equal(t, firewall+".Properties.CustomResponseBodies.too-many-requests", object{"ContentType": "APPLICATION_JSON",
					"Content": `{"detail":"Too many requests. Try again; nothing is stored twice."}`}, on),
				equal(t, "Resources.FirewallAssociation.Properties", object{
					"WebACLArn":   object{"Fn::GetAtt": list("Firewall", "Arn")},
					"ResourceArn": object{"Fn::Sub": "arn:aws:apigateway:eu-central-1::/restapis/${UploadApi}/stages/${UploadApi.Stage}"}}, on),
			)
		},
		breaks: append(remove(firewall+".Condition", "Resources.FirewallAssociation.Condition", firewall+".Properties.Rules.0",
			firewall+".Properties.Rules.1", firewall+".Properties.Scope", firewall+".Properties.DefaultAction",
			firewall+".Properties.VisibilityConfig", firewall+".Properties.CustomResponseBodies",
			"Resources.FirewallAssociation.Properties.ResourceArn"),
			change{firewall + ".Properties.Rules.1.Statement.ManagedRuleGroupStatement.Name", "AWSManagedRulesCommonRuleSet"},
			change{firewall + ".Properties.Rules.0.Action", object{"Count": object{}}},
		),
	},
	{
		name: "the role for access logs is set before a stage needs it, stays, and can be left alone",
		check: func(t template.Template) error {
			const off = "ManageApiGatewayLogRole=false"
			return all(
				equal(t, "Resources.ApiGatewayAccount.Properties.CloudWatchRoleArn", object{"Fn::GetAtt": list("ApiGatewayLogRole", "Arn")}),
				equal(t, api+".Properties.Tags.access-log-role", object{"Ref": "ApiGatewayAccount"}),
				equal(t, "Resources.ApiGatewayAccount.DeletionPolicy", "Retain"),
				equal(t, "Resources.ApiGatewayLogRole.DeletionPolicy", "Retain"),
				equal(t, "Resources.ApiGatewayAccount.UpdateReplacePolicy", "Retain"),
				equal(t, "Resources.ApiGatewayLogRole.UpdateReplacePolicy", "Retain"),
				equal(t, "Resources.ApiGatewayAccount", nil, off),
				equal(t, "Resources.ApiGatewayLogRole", nil, off),
				equal(t, api+".Properties.Tags.access-log-role", "not-managed-here", off),
			)
		},
		breaks: remove("Resources.ApiGatewayAccount", "Resources.ApiGatewayAccount.Condition", "Resources.ApiGatewayLogRole.Condition",
			"Resources.ApiGatewayAccount.DeletionPolicy", "Resources.ApiGatewayLogRole.DeletionPolicy",
			"Resources.ApiGatewayAccount.UpdateReplacePolicy", "Resources.ApiGatewayLogRole.UpdateReplacePolicy",
			api+".Properties.Tags"),
	},
	{
		name: "the outputs are addresses that work as pasted",
		check: func(t template.Template) error {
			return all(
				equal(t, "Outputs.ApiUrl.Value", object{"Fn::Sub": "https://${UploadApi}.execute-api.eu-central-1.amazonaws.com/${UploadApi.Stage}"}),
				equal(t, "Outputs.TryIt.Value", object{"Fn::Sub": `curl -H "X-Session-API-Key: $(aws secretsmanager get-secret-value` +
					` --region eu-central-1 --secret-id ${SessionKeySecret} --query SecretString --output text)" -F "files=@README.md"` +
					` https://${UploadApi}.execute-api.eu-central-1.amazonaws.com/${UploadApi.Stage}/api/conversations/first/upload-files`}),
				equal(t, "Outputs.PageUrl.Value", object{"Fn::Sub": "https://${UploadApi}.execute-api.eu-central-1.amazonaws.com/${UploadApi.Stage}/"}),
				equal(t, "Outputs.FilesFunctionName.Value", object{"Ref": "FilesFunction"}),
				equal(t, "Outputs.FilesFunctionLogGroup.Value", object{"Ref": "FilesFunctionLogs"}),
				equal(t, "Outputs.BucketName.Value", object{"Ref": "UploadBucket"}),
				equal(t, "Outputs.SecretId.Value", object{"Ref": "SessionKeySecret"}),
			)
		},
		breaks: remove("Outputs.ApiUrl", "Outputs.PageUrl", "Outputs.TryIt", "Outputs.BucketName", "Outputs.SecretId",
			"Outputs.FilesFunctionName", "Outputs.FilesFunctionLogGroup"),
	},
}

// The fields that the access log may take from a request.
var logged = regexp.MustCompile(`^\$context\.(requestId|extendedRequestId|requestTimeEpoch|identity\.sourceIp|httpMethod|path|` +
	`resourcePath|status|responseLength|responseLatency|integration\.(status|latency|error)|error\.(responseType|message)|` +
	`waf\.status|xrayTraceId)$`)

func checkAccessLog(t template.Template) error {
	value, err := get(t, api+".Properties.AccessLogSetting.Format")
	if err != nil {
		return err
	}
	format, _ := value.(string)
	var fields map[string]any
	// The time alone is always there, and a number; of what is absent API Gateway writes a dash.
	filled := strings.ReplaceAll(format, ":$context.requestTimeEpoch", ":1")
	filled = regexp.MustCompile(`:\$context\.[A-Za-z.]+`).ReplaceAllString(filled, ":-")
	if err := json.Unmarshal([]byte(filled), &fields); err != nil {
		return fmt.Errorf("the format is not JSON: %w", err)
	}
	if fields["requestId"] != "$context.requestId" {
		return errors.New("the access log has no request id")
	}
	for _, source := range regexp.MustCompile(`\$[^",}]*`).FindAllString(format, -1) {
		if !logged.MatchString(source) {
			return fmt.Errorf("the access log has %s", source)
		}
	}
	return nil
}

// checkGatewayResponses checks every response of the gateway itself; origin is
// the header's value for browsers.
func checkGatewayResponses(t template.Template, origin any, parameters ...string) error {
	value, err := get(t, api+".Properties.GatewayResponses", parameters...)
	if err != nil {
		return err
	}
	responses, _ := value.(object)
	statuses := map[string]any{
		"DEFAULT_4XX": nil, "DEFAULT_5XX": nil,
		"MISSING_AUTHENTICATION_TOKEN": 404, "REQUEST_TOO_LARGE": 413, "THROTTLED": 429, "INTEGRATION_TIMEOUT": 504,
	}
	if diff := cmp.Diff(template.Names(statuses), template.Names(responses)); diff != "" {
		return fmt.Errorf("gateway responses (-want +got):\n%s", diff)
	}
	for name, response := range responses {
		body, _ := template.At(response, "ResponseTemplates", "application/json")
		if _, err := detail(body); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if status := response.(object)["StatusCode"]; status != statuses[name] {
			return fmt.Errorf("%s has status %v", name, status)
		}
		want := object{}
		if origin != nil {
			want["Access-Control-Allow-Origin"] = origin
		}
		if name == "THROTTLED" || name == "INTEGRATION_TIMEOUT" {
			want["Retry-After"] = "'5'"
			if origin != nil {
				want["Access-Control-Expose-Headers"] = "'Retry-After'"
			}
		}
		got, _ := template.At(response, "ResponseParameters", "Headers")
		if diff := cmp.Diff(any(want), got); diff != "" {
			return fmt.Errorf("headers of %s (-want +got):\n%s", name, diff)
		}
	}
	return nil
}

// checkDirect checks what is said to a client whose request is too large: where
// to go on, relative to where it is, and up to how many bytes.
func checkDirect(t template.Template, size int64, parameters ...string) error {
	value, err := get(t, api+".Properties.GatewayResponses.REQUEST_TOO_LARGE.ResponseTemplates.application/json", parameters...)
	if err != nil {
		return err
	}
	text, _ := value.(string)
	var body struct {
		Direct struct {
			Params, Multipart string
			MaxFileSize       int64 `json:"max_file_size"`
		}
	}
	if err := json.Unmarshal([]byte(text), &body); err != nil {
		return err
	}
	if d := body.Direct; d.Params != "s3/params" || d.Multipart != "s3/multipart" || d.MaxFileSize != size {
		return fmt.Errorf("a client whose request is too large is told %+v", d)
	}
	return nil
}

// detail returns the text of a gateway response, in which the gateway's own
// words are left out.
func detail(body any) (string, error) {
	text, _ := body.(string)
	var fields map[string]any
	if err := json.Unmarshal([]byte(strings.ReplaceAll(text, "$context.error.messageString", `""`)), &fields); err != nil {
		return "", err
	}
	words, ok := fields["detail"].(string)
	delete(fields, "detail")
	delete(fields, "direct")
	if !ok || len(fields) != 0 {
		return "", fmt.Errorf("%s is not the shape of an error", text)
	}
	return words, nil
}
