package template_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"

	"uploadfiles/internal/template"
)

var rolePromises = []promise{
	{
		name: "the function may do what it does, where it does it, and nothing else",
		check: func(t template.Template) error {
			return all(
				mayDo(t, everyday("${UploadBucket}", "conversations/", object{"Ref": "SessionKeySecret"})),
				mayDo(t, everyday("mine", "in/", someSecret),
					"ExistingBucketName=mine", "UploadPrefix=in/", "ExistingSecretArn="+someSecret),
				mayDo(t, everyday("${UploadBucket}", "conversations/",
					"arn:aws:secretsmanager:eu-central-1:123456789012:secret:uploads/*/key*"),
					"ConversationSecretName=uploads/{conversation_id}/key"),
				mayDo(t, append(everyday("${UploadBucket}", "conversations/", object{"Ref": "SessionKeySecret"})[1:], object{
					"Effect": "Allow", "Action": list("s3:GetObject", "s3:PutObject", "s3:GetObjectTagging"),
					"Resource": object{"Fn::Sub": "arn:aws:s3:::${UploadBucket}/conversations/*"},
				}), "RequireTag=scan=clean"),
				mayDo(t, append(everyday("${UploadBucket}", "conversations/", object{"Ref": "SessionKeySecret"}), object{
					"Effect": "Allow", "Action": list("kms:Decrypt", "kms:GenerateDataKey"), "Resource": someKey,
					"Condition": object{"StringEquals": object{"kms:ViaService": list(
						"s3.eu-central-1.amazonaws.com", "secretsmanager.eu-central-1.amazonaws.com")}},
				}), "KmsKeyArn="+someKey),
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
			role+".Properties.Policies.2.Fn::If.1.PolicyDocument.Statement.0.Condition",
			role+".Properties.Policies.2.Fn::If.1.PolicyDocument.Statement.0.Action.0",
			role+".Properties.Policies.2.Fn::If.1.PolicyDocument.Statement.0.Action.1",
			role+".Properties.Policies.3.PolicyDocument.Statement.0.Action.0",
			role+".Properties.Policies.3.PolicyDocument.Statement.0.Action.1",
			role+".Properties.Policies.4.PolicyDocument.Statement.0.Action.0",
			role+".Properties.Policies.4.PolicyDocument.Statement.0.Action.1",
		),
			change{role + ".Properties.Policies.0.PolicyDocument.Statement.0.Action", "s3:*"},
			change{role + ".Properties.Policies.0.PolicyDocument.Statement.0.Action.2", "s3:GetObjectTagging"},
			change{role + ".Properties.Policies.0.PolicyDocument.Statement.0.Resource", "*"},
			change{role + ".Properties.Policies.0.PolicyDocument.Statement.0.Resource.Fn::Sub.0", "arn:${AWS::Partition}:s3:::${Bucket}/*"},
			change{role + ".Properties.Policies.1.PolicyDocument.Statement.0.Action", "secretsmanager:*"},
			change{role + ".Properties.Policies.1.PolicyDocument.Statement.0.Resource", "*"},
			change{role + ".Properties.Policies.2.Fn::If.1.PolicyDocument.Statement.0.Resource", "*"},
			change{role + ".Properties.Policies.3.PolicyDocument.Statement.0.Resource", "*"},
			change{role + ".Properties.Policies.4.PolicyDocument.Statement.0.Action", "xray:*"},
			change{role + ".Properties.ManagedPolicyArns", list("arn:aws:iam::aws:policy/AdministratorAccess")},
			change{lambda + ".Properties.Policies", list("AmazonS3FullAccess")},
		),
	},
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

// everyday is what the role may do without a KMS key of one's own.
func everyday(bucket, prefix string, secret any) []any {
	var files any = fmt.Sprintf("arn:aws:s3:::%s/%s*", bucket, prefix)
	if strings.HasPrefix(bucket, "$") {
		files = object{"Fn::Sub": files}
	}
	return []any{
		object{"Effect": "Allow", "Action": list("s3:GetObject", "s3:PutObject"), "Resource": files},
		object{"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": secret},
		object{"Effect": "Allow", "Action": list("logs:CreateLogStream", "logs:PutLogEvents"),
			"Resource": object{"Fn::GetAtt": list("UploadFunctionLogs", "Arn")}},
		object{"Effect": "Allow", "Action": list("xray:PutTelemetryRecords", "xray:PutTraceSegments"), "Resource": "*"},
	}
}

// mayDo compares all statements of the function's role, in any order.
func mayDo(t template.Template, want []any, parameters ...string) error {
	properties, err := get(t, role+".Properties", parameters...)
	if err != nil {
		return err
	}
	p, ok := properties.(object)
	if !ok {
		return errors.New("the role has no properties")
	}
	if slices.Compare(template.Names(p), []string{"AssumeRolePolicyDocument", "Policies"}) != 0 {
		return fmt.Errorf("the role has %v", template.Names(p))
	}
	if err := equal(t, lambda+".Properties.Policies", nil, parameters...); err != nil {
		return err
	}
	var got []any
	policies, _ := p["Policies"].([]any)
	for _, policy := range policies {
		// Without it the policy is of 2008 and reads ${...} as text.
		if version, _ := template.At(policy, "PolicyDocument", "Version"); version != "2012-10-17" {
			return fmt.Errorf("a policy has version %v", version)
		}
		found, _ := template.At(policy, "PolicyDocument", "Statement")
		statements, _ := found.([]any)
		for _, s := range statements {
			statement := maps.Clone(s.(object))
			delete(statement, "Sid")
			got = append(got, statement)
		}
	}
	byText := func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) }
	slices.SortFunc(got, byText)
	want = slices.SortedFunc(slices.Values(want), byText)
	if diff := cmp.Diff(want, got); diff != "" {
		return fmt.Errorf("statements with %v (-want +got):\n%s", parameters, diff)
	}
	return nil
}
