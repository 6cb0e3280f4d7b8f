package template_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"

	"uploadfiles/internal/local/s3server"
)

// What a page may do with the local bucket is what it may do with that of the stack.
func TestTheLocalBucketHasTheRuleOfTheTemplate(t *testing.T) {
	value, err := get(read(t), bucket+".Properties.CorsConfiguration", "CorsAllowedOrigins=https://a.example")
	if err != nil {
		t.Fatal(err)
	}
	rule := value.(object)["CorsRules"].([]any)[0].(object)
	origins := texts(rule["AllowedOrigins"])
	local := s3server.CORSRule(origins)
	want := object{
		"AllowedOrigins": origins, "AllowedMethods": texts(rule["AllowedMethods"]), "AllowedHeaders": texts(rule["AllowedHeaders"]),
		"ExposedHeaders": texts(rule["ExposedHeaders"]), "MaxAge": rule["MaxAge"],
	}
	got := object{
		"AllowedOrigins": local.AllowedOrigins, "AllowedMethods": local.AllowedMethods, "AllowedHeaders": local.AllowedHeaders,
		"ExposedHeaders": local.ExposeHeaders, "MaxAge": int(aws.ToInt32(local.MaxAgeSeconds)),
	}
	if diff := cmp.Diff(want, got); diff != "" || len(rule) != len(want) {
		t.Errorf("the rule has %d fields, want %d; (-template +local):\n%s", len(rule), len(want), diff)
	}
}

func texts(list any) []string {
	var out []string
	for _, item := range list.([]any) {
		out = append(out, item.(string))
	}
	return out
}
