package template_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"uploadfiles/internal/template"
)

var functionPromises = []promise{
	property(lambda+".Type", "AWS::Serverless::Function"),
	property(lambda+".Metadata.BuildMethod", "makefile"),
	property(lambda+".Metadata.ContextPath", "."),
	property(lambda+".Metadata.WorkingDirectory", "."),
	property(lambda+".Properties.CodeUri", "functions/upload"),
	property(lambda+".Properties.Runtime", "provided.al2023"),
	property(lambda+".Properties.Handler", "bootstrap"),
	property(lambda+".Properties.Architectures", list("arm64")),
	property(lambda+".Properties.Architectures", list("x86_64"), "Architecture=x86_64"),
	property(lambda+".Properties.MemorySize", 512),
	property(lambda+".Properties.MemorySize", 1024, "MemorySize=1024"),
	property(lambda+".Properties.Timeout", 28),
	property(lambda+".Properties.Timeout", 9, "TimeoutSeconds=9"),
	{
		// https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html
		name:   "the function ends before API Gateway gives up on it, after 29 seconds",
		check:  func(t template.Template) error { return refused(t, "TimeoutSeconds=29") },
		breaks: []change{{"Parameters.TimeoutSeconds.MaxValue", nil}, {"Parameters.TimeoutSeconds.MaxValue", 29}},
	},
	{
		name: "concurrency is reserved if wanted",
		check: func(t template.Template) error {
			path := lambda + ".Properties.ReservedConcurrentExecutions"
			return all(equal(t, path, nil), equal(t, path, 50, "ReservedConcurrency=50"), equal(t, path, 0, "ReservedConcurrency=0"))
		},
		breaks: []change{{lambda + ".Properties.ReservedConcurrentExecutions", nil}, {"Parameters.ReservedConcurrency.Default", 1}},
	},
	property(lambda+".Properties.Tracing", "Active"),
	property(lambda+".Properties.LoggingConfig", object{"LogFormat": "Text", "LogGroup": object{"Ref": "UploadFunctionLogs"}}),
	property("Resources.UploadFunctionLogs.Properties.RetentionInDays", 30),
	property("Resources.UploadFunctionLogs.Properties.RetentionInDays", 7, "LogRetentionDays=7"),
	property("Resources.UploadApiLogs.Properties.RetentionInDays", 30),
	property("Resources.UploadApiLogs.Properties.RetentionInDays", 7, "LogRetentionDays=7"),
	property("Resources.UploadFunctionLogs.DeletionPolicy", "Delete"),
	property("Resources.UploadApiLogs.DeletionPolicy", "Delete"),
	property(lambda+".Properties.AutoPublishAlias", "live"),
	property(lambda+".Properties.DeploymentPreference.Type", "AllAtOnce"),
	property(lambda+".Properties.DeploymentPreference.Type", "Canary10Percent5Minutes", "DeploymentType=Canary10Percent5Minutes"),
	{
		name: "a deployment rolls back on alarms that do not wait for the deployment",
		check: func(t template.Template) error {
			if err := equal(t, lambda+".Properties.DeploymentPreference.Alarms", list(
				object{"Ref": "FunctionErrorsAlarm"}, object{"Ref": "SlowUploadsAlarm"}, object{"Ref": "ServerErrorsAlarm"})); err != nil {
				return err
			}
			for _, alarm := range []string{"FunctionErrorsAlarm", "SlowUploadsAlarm", "ServerErrorsAlarm"} {
				text, err := get(t, "Resources."+alarm)
				if err != nil {
					return err
				}
				if strings.Contains(fmt.Sprint(text), "UploadApi") {
					return fmt.Errorf("%s refers to the API, which refers to the alias that the deployment moves", alarm)
				}
			}
			return nil
		},
		breaks: append(remove(lambda+".Properties.DeploymentPreference.Alarms", lambda+".Properties.DeploymentPreference.Alarms.0"),
			change{"Resources.ServerErrorsAlarm.Properties.Dimensions.1.Value", object{"Ref": "UploadApi.Stage"}}),
	},
	{
		name: "the environment holds no secret",
		check: func(t template.Template) error {
			text, err := json.Marshal(t)
			if err != nil {
				return err
			}
			if strings.Contains(string(text), "{{resolve:") {
				return errors.New("a dynamic reference would put the secret's value into the stack")
			}
			return equal(t, lambda+".Properties.Environment.Variables.SESSION_KEY_SECRET", object{"Ref": "SessionKeySecret"})
		},
		breaks: []change{
			{lambda + ".Properties.Environment.Variables.SESSION_KEY_SECRET", nil},
			{lambda + ".Properties.Environment.Variables.SESSION_KEY_SECRET", "1234"},
			{lambda + ".Properties.Environment.Variables.LOG_LEVEL", "{{resolve:secretsmanager:key}}"},
		},
	},
	{
		name: "only the paths of the API reach the function",
		check: func(t template.Template) error {
			event := func(method, path string) object {
				return object{"Type": "Api", "Properties": object{"RestApiId": object{"Ref": "UploadApi"}, "Path": path, "Method": method}}
			}
			return equal(t, lambda+".Properties.Events", object{
				"Upload":      event("any", "/api/conversations/{conversation_id}/upload-files"),
				"Description": event("any", "/openapi.json"),
			})
		},
		breaks: []change{
			{lambda + ".Properties.Events.Upload", nil},
			{lambda + ".Properties.Events.Description", nil},
			{lambda + ".Properties.Events.Upload.Properties.Method", "post"},
			{lambda + ".Properties.Events.Upload.Properties.Path", "/{proxy+}"},
			{lambda + ".Properties.Events.All", object{"Type": "Api"}},
		},
	},
	{
		name: "each setting is the parameter of its name",
		check: func(t template.Template) error {
			for setting, parameter := range map[string]string{
				"UPLOAD_PREFIX": "UploadPrefix=in/", "SESSION_KEY_CACHE": "SessionKeyCache=5s",
				"SESSION_KEY_PREVIOUS_WINDOW": "SessionKeyPreviousWindow=0s", "URL_EXPIRY": "UrlExpiry=2h30m",
				"S3_PUBLIC_ENDPOINT": "S3PublicEndpoint=http://localhost:4566", "MAX_FILES": "MaxFiles=3",
				"MAX_FILE_SIZE": "MaxFileSize=1024", "ALLOWED_TYPES": "AllowedTypes=image/*,application/pdf",
				"ALLOWED_EXTENSIONS": "AllowedExtensions=.pdf,.png", "REQUIRE_TAG": "RequireTag=scan=clean", "SKIPPED_FILES": "SkippedFiles=objects",
				"CORS_ALLOWED_ORIGINS": "CorsAllowedOrigins=https://a.example", "LOG_LEVEL": "LogLevel=debug", "BASE_PATH": "BasePath=chat/v1",
			} {
				_, want, _ := strings.Cut(parameter, "=")
				got, err := get(t, lambda+".Properties.Environment.Variables."+setting, parameter)
				if err != nil {
					return err
				}
				if fmt.Sprint(got) != want {
					return fmt.Errorf("%s with %s is %v", setting, parameter, got)
				}
			}
			return nil
		},
		breaks: remove(
			lambda+".Properties.Environment.Variables.UPLOAD_PREFIX", lambda+".Properties.Environment.Variables.SESSION_KEY_CACHE",
			lambda+".Properties.Environment.Variables.SESSION_KEY_PREVIOUS_WINDOW", lambda+".Properties.Environment.Variables.URL_EXPIRY",
			lambda+".Properties.Environment.Variables.S3_PUBLIC_ENDPOINT", lambda+".Properties.Environment.Variables.MAX_FILES",
			lambda+".Properties.Environment.Variables.MAX_FILE_SIZE", lambda+".Properties.Environment.Variables.ALLOWED_TYPES",
			lambda+".Properties.Environment.Variables.ALLOWED_EXTENSIONS", lambda+".Properties.Environment.Variables.SKIPPED_FILES",
			lambda+".Properties.Environment.Variables.REQUIRE_TAG", lambda+".Properties.Environment.Variables.CORS_ALLOWED_ORIGINS", lambda+".Properties.Environment.Variables.LOG_LEVEL",
		),
	},
}
