package services_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"uploadfiles/internal/proof/bench/services"
)

func start(t *testing.T, o services.Options) (*services.Services, aws.Config) {
	t.Helper()
	s, err := services.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, aws.Config{
		Region:                     "us-east-1",
		Credentials:                credentials.NewStaticCredentialsProvider("id", "secret", ""),
		HTTPClient:                 client(t, o.TLS),
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenSupported,
	}
}

func client(t *testing.T, c *services.Certificate) *http.Client {
	transport := &http.Transport{}
	if c != nil {
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(c.Authority()) {
			t.Fatal("the authority is no certificate")
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: roots}
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func certificate(t *testing.T) *services.Certificate {
	c, err := services.NewCertificate()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func put(ctx context.Context, s *services.Services, cfg aws.Config, key string, content []byte) error {
	client := s3.NewFromConfig(cfg, func(o *s3.Options) {
		o.BaseEndpoint = aws.String(s.S3())
		o.UsePathStyle = true
	})
	_, err := client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: aws.String("bucket"), Key: &key, Body: bytes.NewReader(content),
	})
	return err
}

// Over TLS the SDK sends its checksum behind the bytes, in AWS's own chunks.
func TestStoreKeepsTheHashOfWhatWasSent(t *testing.T) {
	for name, c := range map[string]*services.Certificate{"HTTP": nil, "TLS": certificate(t)} {
		t.Run(name, func(t *testing.T) {
			s, cfg := start(t, services.Options{TLS: c})
			s.Keep(true)
			for _, content := range [][]byte{{}, []byte("x"), bytes.Repeat([]byte("0\r\nabc"), 1<<17)} {
				if err := put(t.Context(), s, cfg, "a/b", content); err != nil {
					t.Fatal(err)
				}
				got, ok := s.SHA256("/bucket/a/b")
				if want := sha256.Sum256(content); !ok || got != want {
					t.Errorf("SHA256 of %d bytes = %x, %t, want %x", len(content), got, ok, want)
				}
			}
			if got := s.Puts(); got != 3 {
				t.Errorf("Puts() = %d, want 3", got)
			}
			s.Keep(false)
			if _, ok := s.SHA256("/bucket/a/b"); ok {
				t.Error("the store remembers after Keep(false)")
			}
		})
	}
}

func TestStoreRefusesChunksThatBreakOff(t *testing.T) {
	for _, body := range []string{"", "4\r\nab", "4;chunk-signature=0\r\nabcd", "4\r\nabcdef\r\n0\r\n\r\n", "g\r\n", "-1\r\n", "2\r\nab\r\n"} {
		s, _ := start(t, services.Options{})
		s.Keep(true)
		r, err := http.NewRequest(http.MethodPut, s.S3()+"/bucket/key", bytes.NewReader([]byte(body)))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Amz-Content-Sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusBadRequest {
			t.Errorf("PUT of chunks %q = %s, want 400", body, response.Status)
		}
		if s.Puts() != 0 {
			t.Errorf("PUT of chunks %q counts", body)
		}
	}
}

func TestStoreOnlyTakesObjects(t *testing.T) {
	s, _ := start(t, services.Options{})
	response, err := http.Get(s.S3() + "/bucket/key")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusForbidden || s.Puts() != 0 {
		t.Errorf("GET = %s, want 403", response.Status)
	}
}

func TestSecretIsTheOneThatWasGiven(t *testing.T) {
	s, cfg := start(t, services.Options{Secret: "sesame"})
	client := secretsmanager.NewFromConfig(cfg, func(o *secretsmanager.Options) {
		o.BaseEndpoint = aws.String(s.SecretsManager())
	})
	out, err := client.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String("any")})
	if err != nil || aws.ToString(out.SecretString) != "sesame" {
		t.Errorf("GetSecretValue = %v, %v, want sesame", out, err)
	}
	if _, err := client.ListSecrets(t.Context(), &secretsmanager.ListSecretsInput{}); err == nil {
		t.Error("ListSecrets was answered")
	}
}

// A round trip each for TCP, for TLS and for the answer; none twice on a
// connection that is kept.
func TestRoundTripsTakeTheirTime(t *testing.T) {
	const roundTrip = 20 * time.Millisecond
	s, cfg := start(t, services.Options{RoundTrip: roundTrip, TLS: certificate(t)})
	for i, atLeast := range []time.Duration{3 * roundTrip, roundTrip} {
		begin := time.Now()
		if err := put(t.Context(), s, cfg, "key", []byte("x")); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took < atLeast {
			t.Errorf("put %d took %v, want at least %v", i, took, atLeast)
		}
	}
}
