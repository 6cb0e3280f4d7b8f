package template_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"uploadfiles/internal/proof/template"
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
	property(filesLambda+".Type", "AWS::Serverless::Function"),
	property(filesLambda+".Metadata.BuildMethod", "makefile"),
	property(filesLambda+".Metadata.ContextPath", "."),
	property(filesLambda+".Metadata.WorkingDirectory", "."),
	property(filesLambda+".Properties.CodeUri", "functions/files"),
	property(filesLambda+".Properties.Runtime", "provided.al2023"),
	property(filesLambda+".Properties.Handler", "bootstrap"),
	property(filesLambda+".Properties.Architectures", list("arm64")),
	property(filesLambda+".Properties.Architectures", list("x86_64"), "Architecture=x86_64"),
	property(filesLambda+".Properties.MemorySize", 512),
	property(filesLambda+".Properties.MemorySize", 1024, "FilesMemorySize=1024"),
	property(filesLambda+".Properties.Timeout", 300),
	property(filesLambda+".Properties.Timeout", 60, "FilesTimeoutSeconds=60"),
	{
		name: "concurrency of the function for files is reserved if wanted",
		check: func(t template.Template) error {
			path := filesLambda + ".Properties.ReservedConcurrentExecutions"
			return all(equal(t, path, nil), equal(t, path, nil, "ReservedConcurrency=50"),
				equal(t, path, 50, "FilesReservedConcurrency=50"), equal(t, path, 0, "FilesReservedConcurrency=0"))
		},
		breaks: []change{{filesLambda + ".Properties.ReservedConcurrentExecutions", nil}, {"Parameters.FilesReservedConcurrency.Default", 1},
			{filesLambda + ".Properties.ReservedConcurrentExecutions.Fn::If.0", "ReserveConcurrency"}},
	},
	property(filesLambda+".Properties.Tracing", "Active"),
	property(filesLambda+".Properties.LoggingConfig", object{"LogFormat": "Text", "LogGroup": object{"Ref": "FilesFunctionLogs"}}),
	property("Resources.FilesFunctionLogs.Properties.RetentionInDays", 30),
	property("Resources.FilesFunctionLogs.Properties.RetentionInDays", 7, "LogRetentionDays=7"),
	keyed("Resources.FilesFunctionLogs.Properties.KmsKeyId"),
	property("Resources.FilesFunctionLogs.DeletionPolicy", "Delete"),
	property(filesLambda+".Properties.AutoPublishAlias", "live"),
	property(filesLambda+".Properties.DeploymentPreference.Type", "AllAtOnce"),
	property(filesLambda+".Properties.DeploymentPreference.Type", "Canary10Percent5Minutes", "DeploymentType=Canary10Percent5Minutes"),
	property(lambda+".Properties.Tracing", "Active"),
	property(lambda+".Properties.LoggingConfig", object{"LogFormat": "Text", "LogGroup": object{"Ref": "UploadFunctionLogs"}}),
	property("Resources.UploadFunctionLogs.Properties.RetentionInDays", 30),
	property("Resources.UploadFunctionLogs.Properties.RetentionInDays", 7, "LogRetentionDays=7"),
	keyed("Resources.UploadFunctionLogs.Properties.KmsKeyId"),
	property("Resources.UploadApiLogs.Properties.RetentionInDays", 30),
	property("Resources.UploadApiLogs.Properties.RetentionInDays", 7, "LogRetentionDays=7"),
	keyed("Resources.UploadApiLogs.Properties.KmsKeyId"),
	property("Resources.UploadFunctionLogs.DeletionPolicy", "Delete"),
	property("Resources.UploadApiLogs.DeletionPolicy", "Delete"),
	property(lambda+".Properties.AutoPublishAlias", "live"),
	property(lambda+".Properties.DeploymentPreference.Type", "AllAtOnce"),
	property(lambda+".Properties.DeploymentPreference.Type", "Canary10Percent5Minutes", "DeploymentType=Canary10Percent5Minutes"),
	{
		name: "a deployment rolls back on alarms that do not wait for the deployment",
		check: func(t template.Template) error {
			if err := all(
				equal(t, lambda+".Properties.DeploymentPreference.Alarms", list(
					object{"Ref": "FunctionErrorsAlarm"}, object{"Ref": "SlowUploadsAlarm"}, object{"Ref": "ServerErrorsAlarm"})),
				equal(t, filesLambda+".Properties.DeploymentPreference.Alarms", list(
					object{"Ref": "FilesErrorsAlarm"}, object{"Ref": "ServerErrorsAlarm"})),
			); err != nil {
				return err
			}
			for _, alarm := range []string{"FunctionErrorsAlarm", "FilesErrorsAlarm", "SlowUploadsAlarm", "ServerErrorsAlarm"} {
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
		breaks: append(remove(lambda+".Properties.DeploymentPreference.Alarms", lambda+".Properties.DeploymentPreference.Alarms.0",
			filesLambda+".Properties.DeploymentPreference.Alarms", filesLambda+".Properties.DeploymentPreference.Alarms.1"),
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
			return all(
				equal(t, lambda+".Properties.Environment.Variables.SESSION_KEY_SECRET", object{"Ref": "SessionKeySecret"}),
				equal(t, filesLambda+".Properties.Environment.Variables.SESSION_KEY_SECRET", object{"Ref": "SessionKeySecret"}),
			)
		},
		breaks: []change{
			{lambda + ".Properties.Environment.Variables.SESSION_KEY_SECRET", nil},
			{lambda + ".Properties.Environment.Variables.SESSION_KEY_SECRET", "1234"},
			{filesLambda + ".Properties.Environment.Variables.SESSION_KEY_SECRET", "1234"},
			{lambda + ".Properties.Environment.Variables.LOG_LEVEL", "{{resolve:secretsmanager:key}}"},
		},
	},
	{
		name: "only the paths of the API reach the functions, each its own",
		check: func(t template.Template) error {
			event := func(path string, more object) object {
				properties := object{"RestApiId": object{"Ref": "UploadApi"}, "Path": path, "Method": "any"}
				maps.Copy(properties, more)
				return object{"Type": "Api", "Properties": properties}
			}
			const conversation = "/api/conversations/{conversation_id}"
			// https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode.html
			stream := object{"ResponseTransferMode": "RESPONSE_STREAM"}
			long := object{"ResponseTransferMode": "RESPONSE_STREAM", "TimeoutInMillis": 900_000}
			return all(
				equal(t, lambda+".Properties.Events", object{
					"Upload":      event(conversation+"/upload-files", nil),
					"Direct":      event(conversation+"/s3/{proxy+}", nil),
					"Description": event("/openapi.json", nil),
				}),
				equal(t, filesLambda+".Properties.Events", object{
					"Page":        event("/", stream),
					"PageAssets":  event("/page/{proxy+}", stream),
					"List":        event(conversation+"/files", stream),
					"File":        event(conversation+"/files/{path+}", stream),
					"Zip":         event(conversation+"/zip", long),
					"Manifest":    event(conversation+"/manifest", long),
					"FetchScript": event(conversation+"/fetch.sh", long),
					"PutScript":   event(conversation+"/put.sh", stream),
					"ListFiles":   event(conversation+"/list-files", stream),
					"SelectFile":  event(conversation+"/select-file", stream),
				}),
				equal(t, filesLambda+".Properties.Environment.Variables.RESPONSE_STREAMING", "true"),
				equal(t, lambda+".Properties.Environment.Variables.RESPONSE_STREAMING", nil),
			)
		},
		breaks: []change{
			{lambda + ".Properties.Events.Upload", nil},
			{lambda + ".Properties.Events.Direct", nil},
			{lambda + ".Properties.Events.Description", nil},
			{lambda + ".Properties.Events.Upload.Properties.Method", "post"},
			{lambda + ".Properties.Events.Upload.Properties.Path", "/{proxy+}"},
			{lambda + ".Properties.Events.Direct.Properties.ResponseTransferMode", "RESPONSE_STREAM"},
			{lambda + ".Properties.Events.All", object{"Type": "Api"}},
			{lambda + ".Properties.Environment.Variables.RESPONSE_STREAMING", "true"},
			{filesLambda + ".Properties.Events.Zip", nil},
			{filesLambda + ".Properties.Events.Zip.Properties.ResponseTransferMode", nil},
			{filesLambda + ".Properties.Events.Zip.Properties.TimeoutInMillis", nil},
			{filesLambda + ".Properties.Events.List.Properties.ResponseTransferMode", "BUFFERED"},
			{filesLambda + ".Properties.Events.Page.Properties.Path", "/{proxy+}"},
			{filesLambda + ".Properties.Events.All", object{"Type": "Api"}},
			{filesLambda + ".Properties.Environment.Variables.RESPONSE_STREAMING", nil},
			{filesLambda + ".Properties.Environment.Variables.RESPONSE_STREAMING", "false"},
		},
	},
	{
		name: "each setting is the parameter of its name",
		check: func(t template.Template) error {
			for setting, parameter := range settings {
				_, want, _ := strings.Cut(parameter, "=")
				for _, function := range []string{lambda, filesLambda} {
					if function == filesLambda && ofUploads[setting] {
						continue
					}
					got, err := get(t, function+".Properties.Environment.Variables."+setting, parameter)
					if err != nil {
						return err
					}
					if fmt.Sprint(got) != want {
						return fmt.Errorf("%s of %s with %s is %v", setting, function, parameter, got)
					}
				}
			}
			return nil
		},
		breaks: eachSetting(),
	},
}

// settings are those that have a parameter, each with a value for it.
var settings = map[string]string{
	"UPLOAD_PREFIX": "UploadPrefix=in/", "SESSION_KEY_CACHE": "SessionKeyCache=5s",
	"SESSION_KEY_PREVIOUS_WINDOW": "SessionKeyPreviousWindow=0s", "URL_EXPIRY": "UrlExpiry=2h30m",
	"S3_PUBLIC_ENDPOINT": "S3PublicEndpoint=http://localhost:4566", "MAX_FILES": "MaxFiles=3",
	"MAX_FILE_SIZE": "MaxFileSize=1024", "MAX_DIRECT_FILE_SIZE": "MaxDirectFileSize=2048",
	"ALLOWED_TYPES": "AllowedTypes=image/*,application/pdf", "ALLOWED_EXTENSIONS": "AllowedExtensions=.pdf,.png",
	"REQUIRE_TAG": "RequireTag=scan=clean", "SKIPPED_FILES": "SkippedFiles=objects",
	"CORS_ALLOWED_ORIGINS": "CorsAllowedOrigins=https://a.example", "LOG_LEVEL": "LogLevel=debug", "BASE_PATH": "BasePath=chat/v1",
}

// ofUploads are settings that the function for files has no use for.
var ofUploads = map[string]bool{"MAX_FILES": true, "MAX_FILE_SIZE": true, "MAX_DIRECT_FILE_SIZE": true,
	"ALLOWED_TYPES": true, "ALLOWED_EXTENSIONS": true, "SKIPPED_FILES": true}

func eachSetting() []change {
	var changes []change
	for _, setting := range slices.Sorted(maps.Keys(settings)) {
		changes = append(changes, remove(lambda+".Properties.Environment.Variables."+setting)...)
		if !ofUploads[setting] {
			changes = append(changes, change{filesLambda + ".Properties.Environment.Variables." + setting, "other"})
		}
	}
	return changes
}
