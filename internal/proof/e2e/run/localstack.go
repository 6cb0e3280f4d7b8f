package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"uploadfiles/internal/proof/template"
)

// localStack stands for AWS: S3, Secrets Manager and CloudFormation.
type localStack struct {
	address string // host and port
	log     string // path
}

func (l localStack) endpoint() string { return "http://" + l.address }

// startLocalStack starts LocalStack without Docker. It checks signatures, which
// by itself it would not, and serves nothing but what is used.
func startLocalStack(ctx context.Context, tools tools, ends *ends) (localStack, error) {
	l := localStack{log: filepath.Join(tools.dir, "localstack.log")}
	port, err := freePort()
	if err != nil {
		return l, err
	}
	l.address = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	data, err := os.MkdirTemp(tools.temp(), "localstack-")
	if err != nil {
		return l, err
	}
	ends.add(func() error { return os.RemoveAll(data) })
	cmd := tools.command(context.WithoutCancel(ctx), "localstack", "python", "-c", localStackMain, filepath.Join(data, "s3"))
	cmd.Dir = data
	// In a container it would take the folders of its own image, wherever its root is.
	cmd.Env = append(cmd.Env, "GATEWAY_LISTEN="+l.address, "OVERRIDE_IN_DOCKER=0", "FILESYSTEM_ROOT="+data, "TMPDIR="+data,
		"SERVICES=s3,secretsmanager,cloudformation", "S3_SKIP_SIGNATURE_VALIDATION=0",
		"SKIP_SSL_CERT_DOWNLOAD=1", "DISABLE_EVENTS=1", "DNS_ADDRESS=0")
	child, err := startChild(cmd, l.log, syscall.SIGTERM, ends)
	if err != nil {
		return l, err
	}
	return l, child.await(ctx, startTime, func(ctx context.Context) error {
		return get(ctx, l.endpoint()+"/_localstack/health")
	})
}

// localStackMain starts LocalStack with the folder for its S3 that it is given:
// by itself (4.9.2) it leaves one for each bucket in /tmp/localstack-s3-storage.
const localStackMain = `
import sys
from localstack.services.s3 import provider
assert provider.DEFAULT_S3_TMP_DIR  # where it says so
provider.DEFAULT_S3_TMP_DIR = sys.argv[1]
from localstack.runtime.main import main
main()
`

func freePort() (int, error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

// get succeeds when the address answers at all.
func get(ctx context.Context, address string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	return response.Body.Close()
}

// A deployment is what became of the template's resources.
type deployment struct {
	bucket string // name
	secret string // ARN
}

// The resources that are deployed, and the parameters of all that is.
const (
	bucketResource = "UploadBucket"
	policyResource = "UploadBucketPolicy"
	secretResource = "SessionKeySecret"
)

var parameters = map[string]string{
	"UploadPrefix":       prefix,
	"CorsAllowedOrigins": origin,
	"FileExpiryDays":     "90",
	"MaxUrlAgeSeconds":   "3600",
}

// deploy creates the bucket, its policy and the secret from template.yaml.
func (l localStack) deploy(ctx context.Context) (deployment, error) {
	text, err := os.ReadFile("template.yaml")
	if err != nil {
		return deployment{}, err
	}
	source, err := template.Parse(text)
	if err != nil {
		return deployment{}, err
	}
	kept, err := source.Keep(bucketResource, policyResource, secretResource)
	if err != nil {
		return deployment{}, err
	}
	physical, err := l.createStack(ctx, kept)
	if err != nil {
		return deployment{}, fmt.Errorf("deploy to LocalStack: %w", err)
	}
	d := deployment{bucket: physical[bucketResource], secret: physical[secretResource]}
	if err := l.putLifecycle(ctx, source, d.bucket); err != nil {
		return deployment{}, fmt.Errorf("lifecycle of the bucket: %w", err)
	}
	return d, nil
}

// createStack creates a stack and returns the physical ids of its resources.
func (l localStack) createStack(ctx context.Context, t template.Template) (map[string]string, error) {
	body, err := json.Marshal(t)
	if err != nil {
		return nil, err
	}
	const name = "uploads"
	query := url.Values{"StackName": {name}, "TemplateBody": {string(body)}}
	for i, key := range template.Names(anyValues(parameters)) {
		member := fmt.Sprintf("Parameters.member.%d.", i+1)
		query.Set(member+"ParameterKey", key)
		query.Set(member+"ParameterValue", parameters[key])
	}
	if err := l.cloudFormation(ctx, "CreateStack", query, nil); err != nil {
		return nil, err
	}
	if err := l.awaitStack(ctx, name); err != nil {
		return nil, err
	}
	var resources struct {
		Resources []struct {
			LogicalResourceId, PhysicalResourceId string
		} `xml:"DescribeStackResourcesResult>StackResources>member"`
	}
	if err := l.cloudFormation(ctx, "DescribeStackResources", url.Values{"StackName": {name}}, &resources); err != nil {
		return nil, err
	}
	physical := map[string]string{}
	for _, r := range resources.Resources {
		physical[r.LogicalResourceId] = r.PhysicalResourceId
	}
	return physical, nil
}

func anyValues(m map[string]string) map[string]any {
	out := make(map[string]any, len(m))
	for key, value := range m {
		out[key] = value
	}
	return out
}

func (l localStack) awaitStack(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for {
		var stacks struct {
			Status string `xml:"DescribeStacksResult>Stacks>member>StackStatus"`
			Reason string `xml:"DescribeStacksResult>Stacks>member>StackStatusReason"`
		}
		if err := l.cloudFormation(ctx, "DescribeStacks", url.Values{"StackName": {name}}, &stacks); err != nil {
			return err
		}
		switch {
		case stacks.Status == "CREATE_COMPLETE":
			return nil
		case !strings.HasSuffix(stacks.Status, "_IN_PROGRESS"):
			return fmt.Errorf("the stack is %s: %s; see %s", stacks.Status, stacks.Reason, l.log)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// cloudFormation makes one call
// (https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/Welcome.html)
// and decodes its answer into out, if that is not nil.
func (l localStack) cloudFormation(ctx context.Context, action string, query url.Values, out any) error {
	query.Set("Action", action)
	query.Set("Version", "2010-05-15")
	body := query.Encode()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, l.endpoint(), strings.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	sum := sha256.Sum256([]byte(body))
	err = v4.NewSigner().SignHTTP(ctx, credentials, r, hex.EncodeToString(sum[:]), "cloudformation", region, time.Now())
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: status %d: %s", action, response.StatusCode, bytes.TrimSpace(answer))
	}
	if out == nil {
		return nil
	}
	return xml.Unmarshal(answer, out)
}

var credentials = aws.Credentials{AccessKeyID: accessKey, SecretAccessKey: secretKey}

// putLifecycle does what LocalStack's CloudFormation leaves out of a bucket
// (4.9.2, where it passes over LifecycleConfiguration in silence).
func (l localStack) putLifecycle(ctx context.Context, source template.Template, bucket string) error {
	resolved, err := source.Resolve(parameters)
	if err != nil {
		return err
	}
	value, ok := template.At(map[string]any(resolved), "Resources", bucketResource, "Properties", "LifecycleConfiguration", "Rules")
	if !ok {
		return errors.New("template.yaml has none")
	}
	rules, err := lifecycleRules(value)
	if err != nil {
		return err
	}
	client := s3.New(s3.Options{
		BaseEndpoint: aws.String(l.endpoint()), Region: region, UsePathStyle: true,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return credentials, nil }),
	})
	_, err = client.PutBucketLifecycleConfiguration(ctx, &s3.PutBucketLifecycleConfigurationInput{
		Bucket:                 &bucket,
		LifecycleConfiguration: &types.BucketLifecycleConfiguration{Rules: rules},
	})
	return err
}

// lifecycleRules turns rules as CloudFormation has them into those of S3's API.
func lifecycleRules(value any) ([]types.LifecycleRule, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	var rules []struct {
		ID                        string `json:"Id"`
		Status                    types.ExpirationStatus
		Prefix                    string
		ExpirationInDays          *int32
		ExpiredObjectDeleteMarker *bool

		NoncurrentVersionExpiration    *types.NoncurrentVersionExpiration
		AbortIncompleteMultipartUpload *types.AbortIncompleteMultipartUpload
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&rules); err != nil {
		return nil, err
	}
	var out []types.LifecycleRule
	for _, r := range rules {
		rule := types.LifecycleRule{
			ID: &r.ID, Status: r.Status, Filter: &types.LifecycleRuleFilter{Prefix: &r.Prefix},
			NoncurrentVersionExpiration:    r.NoncurrentVersionExpiration,
			AbortIncompleteMultipartUpload: r.AbortIncompleteMultipartUpload,
		}
		if r.ExpirationInDays != nil || r.ExpiredObjectDeleteMarker != nil {
			rule.Expiration = &types.LifecycleExpiration{Days: r.ExpirationInDays, ExpiredObjectDeleteMarker: r.ExpiredObjectDeleteMarker}
		}
		out = append(out, rule)
	}
	return out, nil
}
