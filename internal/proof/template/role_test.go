package template_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"

	"uploadfiles/internal/proof/template"
)

var rolePromises = []promise{
	{
		name: "the function for uploads may do what it does, where it does it, and nothing else",
		check: func(t template.Template) error {
			return all(
				mayDo(t, uploads, everyday("${UploadBucket}", "conversations/", object{"Ref": "SessionKeySecret"})),
				mayDo(t, uploads, everyday("mine", "in/", someSecret),
					"ExistingBucketName=mine", "UploadPrefix=in/", "ExistingSecretArn="+someSecret),
				mayDo(t, uploads, everyday("${UploadBucket}", "conversations/",
					"arn:aws:secretsmanager:eu-central-1:123456789012:secret:uploads/*/key*"),
					"ConversationSecretName=uploads/{conversation_id}/key"),
				mayDo(t, uploads, append(everyday("${UploadBucket}", "conversations/", object{"Ref": "SessionKeySecret"})[1:], object{
					"Effect": "Allow", "Action": append(uploadActions, "s3:GetObjectTagging"),
					"Resource": object{"Fn::Sub": "arn:aws:s3:::${UploadBucket}/conversations/*"},
				}), "RequireTag=scan=clean"),
				mayDo(t, uploads, append(everyday("${UploadBucket}", "conversations/", object{"Ref": "SessionKeySecret"}), object{
					"Effect": "Allow", "Action": list("kms:Decrypt", "kms:GenerateDataKey"), "Resource": someKey,
					"Condition": object{"StringEquals": object{"kms:ViaService": list(
						"s3.eu-central-1.amazonaws.com", "secretsmanager.eu-central-1.amazonaws.com")}},
				}, keyOfLogs), "KmsKeyArn="+someKey),
			)
		},
		breaks: append(remove(
			role+".Properties.Policies.0", role+".Properties.Policies.1", role+".Properties.Policies.2",
			role+".Properties.Policies.3", role+".Properties.Policies.4",
			role+".Properties.Policies.0.PolicyDocument.Version",
			role+".Properties.Policies.1.PolicyDocument.Version",
			role+".Properties.Policies.2.Fn::If.1.PolicyDocument.Version",
			role+".Properties.Policies.3.PolicyDocument.Version",
			role+".Properties.Policies.4.PolicyDocument.Version",
			role+".Properties.Policies.0.PolicyDocument.Statement.0.Action.0",
			role+".Properties.Policies.0.PolicyDocument.Statement.0.Action.1",
			role+".Properties.Policies.0.PolicyDocument.Statement.0.Action.2",
			role+".Properties.Policies.0.PolicyDocument.Statement.0.Action.3",
			role+".Properties.Policies.0.PolicyDocument.Statement.0.Action.4",
			role+".Properties.Policies.0.PolicyDocument.Statement.1",
			role+".Properties.Policies.0.PolicyDocument.Statement.1.Condition.Null",
			role+".Properties.Policies.0.PolicyDocument.Statement.1.Condition.Bool",
			role+".Properties.Policies.2.Fn::If.1.PolicyDocument.Statement.0.Condition",
			role+".Properties.Policies.2.Fn::If.1.PolicyDocument.Statement.1",
			role+".Properties.Policies.2.Fn::If.1.PolicyDocument.Statement.1.Condition",
			role+".Properties.Policies.2.Fn::If.1.PolicyDocument.Statement.0.Action.0",
			role+".Properties.Policies.2.Fn::If.1.PolicyDocument.Statement.0.Action.1",
			role+".Properties.Policies.3.PolicyDocument.Statement.0.Action.0",
			role+".Properties.Policies.3.PolicyDocument.Statement.0.Action.1",
			role+".Properties.Policies.4.PolicyDocument.Statement.0.Action.0",
			role+".Properties.Policies.4.PolicyDocument.Statement.0.Action.1",
		),
			change{role + ".Properties.Policies.0.PolicyDocument.Statement.0.Action", "s3:*"},
			change{role + ".Properties.Policies.0.PolicyDocument.Statement.0.Action.2", "s3:DeleteObject"},
			change{role + ".Properties.Policies.0.PolicyDocument.Statement.0.Action.3", "s3:ListBucket"},
			change{role + ".Properties.Policies.0.PolicyDocument.Statement.0.Action.4", "s3:GetObjectTagging"},
			change{role + ".Properties.Policies.0.PolicyDocument.Statement.0.Resource", "*"},
			change{role + ".Properties.Policies.0.PolicyDocument.Statement.0.Resource.Fn::Sub.0", "arn:${AWS::Partition}:s3:::${Bucket}/*"},
			change{role + ".Properties.Policies.0.PolicyDocument.Statement.1.Effect", "Allow"},
			change{role + ".Properties.Policies.0.PolicyDocument.Statement.1.Resource", "arn:aws:s3:::other/*"},
			change{role + ".Properties.Policies.1.PolicyDocument.Statement.0.Action", "secretsmanager:*"},
			change{role + ".Properties.Policies.1.PolicyDocument.Statement.0.Resource", "*"},
			change{role + ".Properties.Policies.2.Fn::If.1.PolicyDocument.Statement.0.Resource", "*"},
			change{role + ".Properties.Policies.3.PolicyDocument.Statement.0.Resource", "*"},
			change{role + ".Properties.Policies.4.PolicyDocument.Statement.0.Action", "xray:*"},
			change{role + ".Properties.ManagedPolicyArns", list("arn:aws:iam::aws:policy/AdministratorAccess")},
			change{lambda + ".Properties.Policies", list("AmazonS3FullAccess")},
		),
	},
	{
		name: "the function for files may do what it does, where it does it, and nothing else",
		check: func(t template.Template) error {
			return all(
				mayDo(t, files, everydayOfFiles("${UploadBucket}", "conversations/", object{"Ref": "SessionKeySecret"})),
				mayDo(t, files, everydayOfFiles("mine", "in/", someSecret),
					"ExistingBucketName=mine", "UploadPrefix=in/", "ExistingSecretArn="+someSecret),
				mayDo(t, files, everydayOfFiles("${UploadBucket}", "conversations/",
					"arn:aws:secretsmanager:eu-central-1:123456789012:secret:uploads/*/key*"),
					"ConversationSecretName=uploads/{conversation_id}/key"),
				mayDo(t, files, append(everydayOfFiles("${UploadBucket}", "conversations/", object{"Ref": "SessionKeySecret"})[1:], object{
					"Effect": "Allow", "Action": list("s3:GetObject", "s3:DeleteObject", "s3:GetObjectTagging"),
					"Resource": object{"Fn::Sub": "arn:aws:s3:::${UploadBucket}/conversations/*"},
				}), "RequireTag=scan=clean"),
				mayDo(t, files, append(everydayOfFiles("${UploadBucket}", "conversations/", object{"Ref": "SessionKeySecret"}), object{
					"Effect": "Allow", "Action": "kms:Decrypt", "Resource": someKey,
					"Condition": object{"StringEquals": object{"kms:ViaService": list(
						"s3.eu-central-1.amazonaws.com", "secretsmanager.eu-central-1.amazonaws.com")}},
				}, keyOfLogs), "KmsKeyArn="+someKey),
			)
		},
		breaks: append(remove(
			filesRole+".Properties.Policies.0", filesRole+".Properties.Policies.1", filesRole+".Properties.Policies.2",
			filesRole+".Properties.Policies.3", filesRole+".Properties.Policies.4",
			filesRole+".Properties.Policies.0.PolicyDocument.Version",
			filesRole+".Properties.Policies.1.PolicyDocument.Version",
			filesRole+".Properties.Policies.2.Fn::If.1.PolicyDocument.Version",
			filesRole+".Properties.Policies.3.PolicyDocument.Version",
			filesRole+".Properties.Policies.4.PolicyDocument.Version",
			filesRole+".Properties.Policies.0.PolicyDocument.Statement.0.Condition",
			filesRole+".Properties.Policies.0.PolicyDocument.Statement.1.Action.0",
			filesRole+".Properties.Policies.0.PolicyDocument.Statement.1.Action.1",
			filesRole+".Properties.Policies.0.PolicyDocument.Statement.1.Action.2",
			filesRole+".Properties.Policies.2.Fn::If.1.PolicyDocument.Statement.0.Condition",
			filesRole+".Properties.Policies.2.Fn::If.1.PolicyDocument.Statement.1",
			filesRole+".Properties.Policies.2.Fn::If.1.PolicyDocument.Statement.1.Condition",
			filesRole+".Properties.Policies.3.PolicyDocument.Statement.0.Action.0",
			filesRole+".Properties.Policies.3.PolicyDocument.Statement.0.Action.1",
			filesRole+".Properties.Policies.4.PolicyDocument.Statement.0.Action.0",
			filesRole+".Properties.Policies.4.PolicyDocument.Statement.0.Action.1",
		),
			change{filesRole + ".Properties.Policies.0.PolicyDocument.Statement.0.Action", "s3:*"},
			change{filesRole + ".Properties.Policies.0.PolicyDocument.Statement.0.Resource", "*"},
			change{filesRole + ".Properties.Policies.0.PolicyDocument.Statement.0.Condition.StringLike.s3:prefix", "*"},
			change{filesRole + ".Properties.Policies.0.PolicyDocument.Statement.0.Condition", object{"StringLikeIfExists": object{
				"s3:prefix": object{"Fn::Sub": "${UploadPrefix}*"}}}},
			change{filesRole + ".Properties.Policies.0.PolicyDocument.Statement.1.Action", "s3:*"},
			change{filesRole + ".Properties.Policies.0.PolicyDocument.Statement.1.Action.1", "s3:DeleteObjectVersion"},
			change{filesRole + ".Properties.Policies.0.PolicyDocument.Statement.1.Action.2", "s3:PutObject"},
			change{filesRole + ".Properties.Policies.0.PolicyDocument.Statement.1.Resource", "*"},
			change{filesRole + ".Properties.Policies.0.PolicyDocument.Statement.1.Resource.Fn::Sub.0", "arn:${AWS::Partition}:s3:::${Bucket}/*"},
			change{filesRole + ".Properties.Policies.1.PolicyDocument.Statement.0.Action", "secretsmanager:*"},
			change{filesRole + ".Properties.Policies.1.PolicyDocument.Statement.0.Resource", "*"},
			change{filesRole + ".Properties.Policies.2.Fn::If.1.PolicyDocument.Statement.0.Action", list("kms:Decrypt", "kms:GenerateDataKey")},
			change{filesRole + ".Properties.Policies.2.Fn::If.1.PolicyDocument.Statement.0.Resource", "*"},
			change{filesRole + ".Properties.Policies.3.PolicyDocument.Statement.0.Resource", "*"},
			change{filesRole + ".Properties.Policies.3.PolicyDocument.Statement.0.Resource", object{"Fn::GetAtt": list("UploadFunctionLogs", "Arn")}},
			change{filesRole + ".Properties.Policies.4.PolicyDocument.Statement.0.Action", "xray:*"},
			change{filesRole + ".Properties.ManagedPolicyArns", list("arn:aws:iam::aws:policy/AdministratorAccess")},
			change{filesLambda + ".Properties.Policies", list("AmazonS3FullAccess")},
		),
	},
	{
		name: "the function for uploads neither lists nor deletes, the one for files writes nothing",
		check: func(t template.Template) error {
			return all(
				mayNot(t, uploads, "s3:ListBucket", "s3:ListBucketVersions", "s3:DeleteObject", "s3:DeleteObjectVersion"),
				mayNot(t, files, "s3:PutObject", "s3:PutObjectTagging", "s3:DeleteObjectVersion", "s3:AbortMultipartUpload"),
			)
		},
		breaks: []change{
			{role + ".Properties.Policies.0.PolicyDocument.Statement.0.Action.0", "s3:ListBucket"},
			{role + ".Properties.Policies.0.PolicyDocument.Statement.0.Action", "s3:DeleteObject"},
			{role + ".Properties.Policies.3.PolicyDocument.Statement.0.Action", "s3:*"},
			{filesRole + ".Properties.Policies.0.PolicyDocument.Statement.1.Action.2", "s3:PutObject"},
			{filesRole + ".Properties.Policies.0.PolicyDocument.Statement.0.Action", "s3:PutObjectTagging"},
			{filesRole + ".Properties.Policies.0.PolicyDocument.Statement.1.Action.1", "s3:DeleteObjectVersion"},
			{filesRole + ".Properties.Policies.2.Fn::If.1.PolicyDocument.Statement.0.Action", "s3:PutObject"},
		},
	},
	property(filesRole+".Properties.AssumeRolePolicyDocument.Statement", list(object{
		"Effect": "Allow", "Principal": object{"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"})),
	property(filesRole+".Properties.AssumeRolePolicyDocument.Version", "2012-10-17"),
	property(filesLambda+".Properties.Role", object{"Fn::GetAtt": list("FilesFunctionRole", "Arn")}),
	property(role+".Properties.AssumeRolePolicyDocument.Statement", list(object{
		"Effect": "Allow", "Principal": object{"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"})),
	property(role+".Properties.AssumeRolePolicyDocument.Version", "2012-10-17"),
	property(lambda+".Properties.Role", object{"Fn::GetAtt": list("UploadFunctionRole", "Arn")}),
	property("Resources.ApiGatewayLogRole.Properties.AssumeRolePolicyDocument.Statement", list(object{
		"Effect": "Allow", "Principal": object{"Service": "apigateway.amazonaws.com"}, "Action": "sts:AssumeRole"})),
	property("Resources.ApiGatewayLogRole.Properties.ManagedPolicyArns",
		list("arn:aws:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs")),
	{
		name: "no prefix widens the role",
		check: func(t template.Template) error {
			return all(refused(t, "UploadPrefix=*/"), refused(t, "UploadPrefix=?/"), refused(t, "UploadPrefix=../"),
				refused(t, "UploadPrefix="), refused(t, "UploadPrefix=a"), refused(t, "UploadPrefix=a//"),
				refused(t, "ConversationSecretName=*{conversation_id}"), refused(t, "ConversationSecretName={conversation_id}"),
				refused(t, "ConversationSecretName=/{conversation_id}"), refused(t, "ConversationSecretName=*"),
				refused(t, "ConversationSecretName=key"), refused(t, "ExistingSecretArn=*"), refused(t, "KmsKeyArn=*"))
		},
		breaks: remove("Parameters.UploadPrefix.AllowedPattern", "Parameters.ConversationSecretName.AllowedPattern",
			"Parameters.ExistingSecretArn.AllowedPattern", "Parameters.KmsKeyArn.AllowedPattern"),
	},
}

// A service is a function with its role.
type service struct{ role, lambda, logs string }

var (
	uploads = service{role, lambda, "UploadFunctionLogs"}
	files   = service{filesRole, filesLambda, "FilesFunctionLogs"}
)

// uploadActions are what the function for uploads does with files.
var uploadActions = list("s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts")

// keyOfLogs is what a function's role may do with a KMS key of one's own for its
// log (https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html).
var keyOfLogs = object{
	"Effect": "Allow", "Action": list("kms:Decrypt", "kms:GenerateDataKey"), "Resource": someKey,
	"Condition": object{"StringEquals": object{"kms:ViaService": "logs.eu-central-1.amazonaws.com"}},
}

// everyday is what the role for uploads may do without a KMS key of one's own;
// the files come first.
func everyday(bucket, prefix string, secret any) []any {
	return append([]any{
		object{"Effect": "Allow", "Action": uploadActions, "Resource": arn("arn:aws:s3:::%s/%s*", bucket, prefix)},
		object{"Effect": "Deny", "Action": "s3:PutObject", "Resource": "*", "Condition": object{
			"Null": object{"s3:if-none-match": "true"}, "Bool": object{"s3:ObjectCreationOperation": "true"}}},
	}, common(uploads, secret)...)
}

// everydayOfFiles is the same of the role for files.
func everydayOfFiles(bucket, prefix string, secret any) []any {
	return append([]any{
		object{"Effect": "Allow", "Action": list("s3:GetObject", "s3:DeleteObject"), "Resource": arn("arn:aws:s3:::%s/%s*", bucket, prefix)},
		object{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": arn("arn:aws:s3:::%s", bucket),
			"Condition": object{"StringLike": object{"s3:prefix": prefix + "*"}}},
	}, common(files, secret)...)
}

// common is what both may do.
func common(s service, secret any) []any {
	return []any{
		object{"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": secret},
		object{"Effect": "Allow", "Action": list("logs:CreateLogStream", "logs:PutLogEvents"),
			"Resource": object{"Fn::GetAtt": list(s.logs, "Arn")}},
		object{"Effect": "Allow", "Action": list("xray:PutTelemetryRecords", "xray:PutTraceSegments"), "Resource": "*"},
	}
}

// arn fills in an ARN, in which a reference to a resource stays one.
func arn(format string, values ...any) any {
	text := fmt.Sprintf(format, values...)
	if strings.Contains(text, "$") {
		return object{"Fn::Sub": text}
	}
	return text
}

// mayDo compares all statements of a function's role, in any order.
func mayDo(t template.Template, s service, want []any, parameters ...string) error {
	got, err := statements(t, s, parameters...)
	if err != nil {
		return err
	}
	byText := func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) }
	slices.SortFunc(got, byText)
	want = slices.SortedFunc(slices.Values(want), byText)
	if diff := cmp.Diff(want, got); diff != "" {
		return fmt.Errorf("statements of %s with %v (-want +got):\n%s", s.role, parameters, diff)
	}
	return nil
}

// mayNot looks for actions, whatever else may be given.
func mayNot(t template.Template, s service, actions ...string) error {
	got, err := statements(t, s, "RequireTag=scan=clean", "KmsKeyArn="+someKey)
	if err != nil {
		return err
	}
	for _, statement := range got {
		given, ok := statement.(object)["Action"].([]any)
		if !ok {
			given = list(statement.(object)["Action"])
		}
		for _, action := range given {
			if action := fmt.Sprint(action); slices.Contains(actions, action) || strings.Contains(action, "*") {
				return fmt.Errorf("%s has %s", s.role, action)
			}
		}
	}
	return nil
}

// statements are those of a function's role, without their names.
func statements(t template.Template, s service, parameters ...string) ([]any, error) {
	properties, err := get(t, s.role+".Properties", parameters...)
	if err != nil {
		return nil, err
	}
	p, ok := properties.(object)
	if !ok {
		return nil, errors.New("the role has no properties")
	}
	if slices.Compare(template.Names(p), []string{"AssumeRolePolicyDocument", "Policies"}) != 0 {
		return nil, fmt.Errorf("the role has %v", template.Names(p))
	}
	if err := equal(t, s.lambda+".Properties.Policies", nil, parameters...); err != nil {
		return nil, err
	}
	var got []any
	policies, _ := p["Policies"].([]any)
	for _, policy := range policies {
		// Without it the policy is of 2008 and reads ${...} as text.
		if version, _ := template.At(policy, "PolicyDocument", "Version"); version != "2012-10-17" {
			return nil, fmt.Errorf("a policy has version %v", version)
		}
		found, _ := template.At(policy, "PolicyDocument", "Statement")
		listed, _ := found.([]any)
		for _, item := range listed {
			statement := maps.Clone(item.(object))
			delete(statement, "Sid")
			got = append(got, statement)
		}
	}
	return got, nil
}
