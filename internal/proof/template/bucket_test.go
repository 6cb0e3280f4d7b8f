package template_test

import (
	"fmt"
	"strconv"

	"github.com/google/go-cmp/cmp"

	"uploadfiles/internal/proof/template"
)

var bucketPromises = []promise{
	property(bucket+".Type", "AWS::S3::Bucket"),
	property(bucket+".DeletionPolicy", "RetainExceptOnCreate"),
	property(bucket+".UpdateReplacePolicy", "Retain"),
	property(policy+".DeletionPolicy", "RetainExceptOnCreate"),
	property(policy+".UpdateReplacePolicy", "Retain"),
	property(bucket+".Properties.PublicAccessBlockConfiguration.BlockPublicAcls", true),
	property(bucket+".Properties.PublicAccessBlockConfiguration.BlockPublicPolicy", true),
	property(bucket+".Properties.PublicAccessBlockConfiguration.IgnorePublicAcls", true),
	property(bucket+".Properties.PublicAccessBlockConfiguration.RestrictPublicBuckets", true),
	property(bucket+".Properties.OwnershipControls.Rules", list(object{"ObjectOwnership": "BucketOwnerEnforced"})),
	property(bucket+".Properties.VersioningConfiguration.Status", "Enabled"),
	{
		name: "files are encrypted, with a key of one's own if it is given",
		check: func(t template.Template) error {
			path := bucket + ".Properties.BucketEncryption.ServerSideEncryptionConfiguration"
			return all(
				equal(t, path, list(object{
					"ServerSideEncryptionByDefault": object{"SSEAlgorithm": "AES256"},
				})),
				equal(t, path, list(object{
					"ServerSideEncryptionByDefault": object{"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": someKey},
					"BucketKeyEnabled":              true,
				}), "KmsKeyArn="+someKey),
			)
		},
		breaks: remove(
			bucket+".Properties.BucketEncryption",
			bucket+".Properties.BucketEncryption.ServerSideEncryptionConfiguration.0.BucketKeyEnabled",
			bucket+".Properties.BucketEncryption.ServerSideEncryptionConfiguration.0.ServerSideEncryptionByDefault.SSEAlgorithm",
			bucket+".Properties.BucketEncryption.ServerSideEncryptionConfiguration.0.ServerSideEncryptionByDefault.KMSMasterKeyID",
		),
	},
	{
		name: "unfinished uploads are aborted after a day, deleted files kept for a while, files expire if wanted",
		check: func(t template.Template) error {
			path := bucket + ".Properties.LifecycleConfiguration.Rules"
			abort := object{"Id": "abort-unfinished-uploads", "Status": "Enabled",
				"AbortIncompleteMultipartUpload": object{"DaysAfterInitiation": 7}}
			return all(
				equal(t, path, list(abort, object{"Id": "expire-noncurrent-versions", "Status": "Enabled",
					"NoncurrentVersionExpiration": object{"NoncurrentDays": 30}, "ExpiredObjectDeleteMarker": true})),
				equal(t, path, list(abort,
					object{"Id": "expire-noncurrent-versions", "Status": "Enabled",
						"NoncurrentVersionExpiration": object{"NoncurrentDays": 3}},
					object{"Id": "expire-files", "Status": "Enabled", "Prefix": "in/", "ExpirationInDays": 7}),
					"FileExpiryDays=7", "NoncurrentExpiryDays=3", "UploadPrefix=in/"),
			)
		},
		breaks: append(remove(
			bucket+".Properties.LifecycleConfiguration",
			bucket+".Properties.LifecycleConfiguration.Rules.0",
			bucket+".Properties.LifecycleConfiguration.Rules.0.Status",
			bucket+".Properties.LifecycleConfiguration.Rules.1",
			bucket+".Properties.LifecycleConfiguration.Rules.1.Status",
			bucket+".Properties.LifecycleConfiguration.Rules.1.ExpiredObjectDeleteMarker",
			bucket+".Properties.LifecycleConfiguration.Rules.2",
			bucket+".Properties.LifecycleConfiguration.Rules.2.Fn::If.1.Prefix",
			bucket+".Properties.LifecycleConfiguration.Rules.2.Fn::If.1.Status",
		),
			change{bucket + ".Properties.LifecycleConfiguration.Rules.0.AbortIncompleteMultipartUpload.DaysAfterInitiation", 8},
			change{bucket + ".Properties.LifecycleConfiguration.Rules.1.NoncurrentVersionExpiration.NoncurrentDays", 3650},
			change{bucket + ".Properties.LifecycleConfiguration.Rules.2.Fn::If.1.ExpirationInDays", 1},
		),
	},
	{
		name: "pages of the stack and of the given origins alone may send and fetch files, by what is signed",
		check: func(t template.Template) error {
			path := bucket + ".Properties.CorsConfiguration"
			rules := func(origins ...any) object {
				return object{"CorsRules": list(object{
					"AllowedOrigins": origins,
					"AllowedMethods": list("GET", "HEAD", "PUT", "POST", "DELETE"),
					"AllowedHeaders": list("content-disposition", "content-type", "if-none-match", "range",
						"x-amz-checksum-sha256", "x-amz-meta-crc32", "x-amz-meta-sha256", "x-amz-mp-object-size", "x-session-api-key"),
					"ExposedHeaders": list("Content-Disposition", "ETag"),
					"MaxAge":         7200,
				})}
			}
			const address = "https://*.execute-api.eu-central-1.amazonaws.com"
			return all(
				equal(t, path, rules(address)),
				equal(t, path, rules(address, "https://a.example", "https://b.example:8443"),
					"CorsAllowedOrigins=https://a.example,https://b.example:8443"),
				equal(t, path, rules("https://up.example.com"), "DomainName=up.example.com", "CertificateArn="+someCert),
				equal(t, path, rules("https://up.example.com", "https://a.example"),
					"DomainName=up.example.com", "CertificateArn="+someCert, "CorsAllowedOrigins=https://a.example"),
				refused(t, "CorsAllowedOrigins=*"),
				refused(t, "CorsAllowedOrigins=https://a.example, https://*.example"),
			)
		},
		breaks: append(remove(
			bucket+".Properties.CorsConfiguration",
			bucket+".Properties.CorsConfiguration.CorsRules.0.ExposedHeaders",
			bucket+".Properties.CorsConfiguration.CorsRules.0.ExposedHeaders.1",
			bucket+".Properties.CorsConfiguration.CorsRules.0.AllowedHeaders",
			bucket+".Properties.CorsConfiguration.CorsRules.0.AllowedHeaders.2",
			bucket+".Properties.CorsConfiguration.CorsRules.0.AllowedHeaders.7",
			bucket+".Properties.CorsConfiguration.CorsRules.0.AllowedMethods.2",
			bucket+".Properties.CorsConfiguration.CorsRules.0.MaxAge",
			"Parameters.CorsAllowedOrigins.AllowedPattern",
		),
			change{bucket + ".Properties.CorsConfiguration.CorsRules.0.AllowedOrigins", list("*")},
			change{bucket + ".Properties.CorsConfiguration.CorsRules.0.AllowedHeaders", list("*")},
			change{bucket + ".Properties.CorsConfiguration.CorsRules.0.AllowedOrigins.Fn::Split.1.Fn::Sub.0", "${Page}"},
			change{bucket + ".Properties.CorsConfiguration.CorsRules.0.AllowedOrigins.Fn::Split.1.Fn::Sub.0", "*${Others}"},
			change{bucket + ".Properties.CorsConfiguration.CorsRules.0.AllowedOrigins.Fn::Split.1.Fn::Sub.1.Page.Fn::If.1", "https://*"},
			change{bucket + ".Properties.CorsConfiguration.CorsRules.0.AllowedOrigins.Fn::Split.1.Fn::Sub.1.Others.Fn::If.0", "HasDomain"},
			change{"Parameters.CorsAllowedOrigins.Default", "https://a.example"},
		),
	},
	{
		name: "S3's own access logs go where the parameter says",
		check: func(t template.Template) error {
			path := bucket + ".Properties.LoggingConfiguration"
			return all(
				equal(t, path, nil),
				equal(t, path, object{"DestinationBucketName": "logs-of-ours", "LogFilePrefix": "uploads/"},
					"BucketLogBucketName=logs-of-ours"),
			)
		},
		breaks: remove(bucket+".Properties.LoggingConfiguration",
			bucket+".Properties.LoggingConfiguration.Fn::If.1.LogFilePrefix"),
	},
	denies("plain HTTP", 0, object{"Bool": object{"aws:SecureTransport": "false"}}),
	denies("TLS before 1.2", 1, object{"NumericLessThan": object{"s3:TlsVersion": "1.2"}}),
	{
		name: "the bucket refuses old signatures if wanted",
		check: func(t template.Template) error {
			path := policy + ".Properties.PolicyDocument.Statement.2"
			return all(
				equal(t, path, nil),
				equal(t, path, object{
					"Sid": "DenyOldSignatures", "Effect": "Deny", "Principal": "*", "Action": "s3:*",
					"Resource":  object{"Fn::Sub": "${UploadBucket.Arn}/*"},
					"Condition": object{"NumericGreaterThan": object{"s3:signatureAge": "900000"}},
				}, "MaxUrlAgeSeconds=900"),
			)
		},
		breaks: append(remove(
			policy+".Properties.PolicyDocument.Statement.2",
			policy+".Properties.PolicyDocument.Statement.2.Fn::If.1.Condition",
			policy+".Properties.PolicyDocument.Statement.2.Fn::If.1.Resource",
		),
			change{policy + ".Properties.PolicyDocument.Statement.2.Fn::If.1.Effect", "Allow"},
			change{policy + ".Properties.PolicyDocument.Statement.2.Fn::If.1.Action", "s3:PutObject"},
			change{policy + ".Properties.PolicyDocument.Statement.2.Fn::If.1.Principal", "123456789012"},
			change{"Parameters.MaxUrlAgeSeconds.Default", 900},
		),
	},
	property(policy+".Properties.Bucket", object{"Ref": "UploadBucket"}),
	property(policy+".Properties.PolicyDocument.Version", "2012-10-17"),
	{
		name: "a bucket or secret of one's own takes the place of the stack's",
		check: func(t template.Template) error {
			return all(
				equal(t, lambda+".Properties.Environment.Variables.UPLOAD_BUCKET", object{"Ref": "UploadBucket"}),
				equal(t, bucket, nil, "ExistingBucketName=mine"),
				equal(t, policy, nil, "ExistingBucketName=mine"),
				equal(t, secret, nil, "ExistingSecretArn="+someSecret),
				equal(t, secret, nil, "ConversationSecretName=uploads/{conversation_id}"),
				equal(t, lambda+".Properties.Environment.Variables.UPLOAD_BUCKET", "mine", "ExistingBucketName=mine"),
				equal(t, filesLambda+".Properties.Environment.Variables.UPLOAD_BUCKET", object{"Ref": "UploadBucket"}),
				equal(t, filesLambda+".Properties.Environment.Variables.UPLOAD_BUCKET", "mine", "ExistingBucketName=mine"),
				equal(t, filesLambda+".Properties.Environment.Variables.SESSION_KEY_SECRET", someSecret, "ExistingSecretArn="+someSecret),
				equal(t, filesLambda+".Properties.Environment.Variables.SESSION_KEY_SECRET", "uploads/{conversation_id}",
					"ConversationSecretName=uploads/{conversation_id}", "ExistingSecretArn="+someSecret),
				equal(t, lambda+".Properties.Environment.Variables.SESSION_KEY_SECRET", someSecret, "ExistingSecretArn="+someSecret),
				equal(t, lambda+".Properties.Environment.Variables.SESSION_KEY_SECRET", "uploads/{conversation_id}",
					"ConversationSecretName=uploads/{conversation_id}", "ExistingSecretArn="+someSecret),
				equal(t, "Outputs.BucketName.Value", "mine", "ExistingBucketName=mine"),
				equal(t, "Outputs.SecretId.Value", someSecret, "ExistingSecretArn="+someSecret),
				equal(t, "Outputs.TryIt", nil, "ExistingSecretArn="+someSecret),
			)
		},
		breaks: append(remove(bucket+".Condition", policy+".Condition", secret+".Condition", "Outputs.TryIt.Condition"),
			change{lambda + ".Properties.Environment.Variables.UPLOAD_BUCKET", object{"Ref": "UploadBucket"}},
			change{lambda + ".Properties.Environment.Variables.UPLOAD_BUCKET", "mine"},
			change{filesLambda + ".Properties.Environment.Variables.UPLOAD_BUCKET", "mine"},
			change{filesLambda + ".Properties.Environment.Variables.SESSION_KEY_SECRET", object{"Ref": "SessionKeySecret"}},
			change{lambda + ".Properties.Environment.Variables.SESSION_KEY_SECRET", object{"Ref": "SessionKeySecret"}},
			change{"Outputs.BucketName.Value", object{"Ref": "UploadBucket"}},
			change{"Outputs.SecretId.Value", object{"Ref": "SessionKeySecret"}},
			change{"Conditions.CreateSecret", object{"Fn::Not": list(object{"Condition": "SecretPerConversation"})}},
		),
	},
	{
		name: "the stack's secret is long and random, of characters that a header takes",
		check: func(t template.Template) error {
			return all(
				equal(t, secret+".Properties.GenerateSecretString", object{"ExcludePunctuation": true, "PasswordLength": 43}),
				equal(t, secret+".Properties.SecretString", nil),
				equal(t, secret+".Properties.KmsKeyId", nil),
				equal(t, secret+".Properties.KmsKeyId", someKey, "KmsKeyArn="+someKey),
				equal(t, secret+".Type", "AWS::SecretsManager::Secret"),
				equal(t, secret+".DeletionPolicy", "Delete"),
				equal(t, secret+".UpdateReplacePolicy", "Delete"),
			)
		},
		breaks: append(remove(secret+".Properties.GenerateSecretString", secret+".Properties.GenerateSecretString.ExcludePunctuation",
			secret+".Properties.KmsKeyId", secret+".Type", secret+".DeletionPolicy", secret+".UpdateReplacePolicy"),
			change{secret + ".Properties.GenerateSecretString.PasswordLength", 8},
			change{secret + ".Properties.SecretString", "1234"},
		),
	},
}

// denies promises a statement that refuses everyone everything in the bucket.
func denies(what string, statement int, condition object) promise {
	path := policy + ".Properties.PolicyDocument.Statement." + strconv.Itoa(statement)
	return promise{
		name: "the bucket refuses " + what,
		check: func(t template.Template) error {
			got, err := get(t, path)
			if err != nil {
				return err
			}
			got, _ = template.At(object{"x": got}, "x")
			if m, ok := got.(object); ok {
				delete(m, "Sid")
			}
			want := object{
				"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Condition": condition,
				"Resource": list(object{"Fn::GetAtt": list("UploadBucket", "Arn")}, object{"Fn::Sub": "${UploadBucket.Arn}/*"}),
			}
			if diff := cmp.Diff(want, got); diff != "" {
				return fmt.Errorf("%s (-want +got):\n%s", path, diff)
			}
			return nil
		},
		breaks: append(remove(path, path+".Condition", path+".Resource.0", path+".Resource.1"),
			change{path + ".Effect", "Allow"},
			change{path + ".Principal", "123456789012"},
			change{path + ".Action", "s3:GetObject"},
			change{path + ".Condition", object{}},
		),
	}
}
