package lambdahttp_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"uploadfiles/internal/deployed/lambdahttp"
)

// withBody serves one event and hands its body to check.
func withBody(t testing.TB, kind lambdahttp.Kind, payload []byte, check func(b *lambdahttp.Body)) {
	t.Helper()
	called := false
	h := lambdahttp.New(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		called = true
		b, ok := r.Body.(*lambdahttp.Body)
		if !ok {
			t.Fatalf("request body is a %T", r.Body)
		}
		if r.ContentLength != int64(b.Len()) {
			t.Errorf("ContentLength = %d, Len() = %d", r.ContentLength, b.Len())
		}
		check(b)
	}), lambdahttp.Options{})
	answer := invoke(t, h, kind, payload)
	if !called {
		t.Fatalf("the handler was not called: %d %s", answer.Status, answer.Body)
	}
}

func TestBodyIsWhatWasSent(t *testing.T) {
	allBytes := make([]byte, 256)
	for i := range allBytes {
		allBytes[i] = byte(i)
	}
	for _, kind := range kinds {
		for _, want := range [][]byte{nil, {0}, {0, 0xff}, []byte("abc"), []byte("four"), allBytes, bytes.Repeat(allBytes, 500)} {
			payload := newEvent(t, kind, object{"body": base64.StdEncoding.EncodeToString(want), "isBase64Encoded": true})
			withBody(t, kind, payload, func(b *lambdahttp.Body) {
				if b.Len() != len(want) {
					t.Errorf("%s: Len() = %d before decoding, want %d", kind, b.Len(), len(want))
				}
				got, err := b.Bytes()
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("%s: Bytes() = %d bytes, %v, want the %d sent", kind, len(got), err, len(want))
				}
			})
		}
	}
}

// Decoding in place must be right for every length and every position in the
// quanta of the decoder.
func TestDecodingInPlaceIsRightForEveryLength(t *testing.T) {
	data := make([]byte, 1000)
	for i := range data {
		data[i] = byte(i*7 + i/256)
	}
	for n := range len(data) {
		payload := []byte(`{"httpMethod":"POST","isBase64Encoded":true,"body":"` + base64.StdEncoding.EncodeToString(data[:n]) + `"}`)
		withBody(t, lambdahttp.REST, payload, func(b *lambdahttp.Body) {
			if got, err := b.Bytes(); err != nil || !bytes.Equal(got, data[:n]) || b.Len() != n {
				t.Fatalf("%d bytes: Bytes() = %d bytes, %v, Len() = %d", n, len(got), err, b.Len())
			}
		})
	}
}

func TestWrongBase64IsErrBase64(t *testing.T) {
	tests := []struct {
		name, in string
	}{
		{"unpadded", "QQ"},
		{"half padded", "QQ="},
		{"padded too much", "QUI=="},
		{"padding alone", "===="},
		{"padding inside", "QQ==QQ=="},
		{"one character", "Q"},
		{"space inside", "QU JD"},
		{"space of a quantum", "QUJD    "},
		{"line break at the end", "QUJD\n"},
		{"line breaks of a quantum", "QUJD\n\n\n\n"},
		{"line breaks inside", "QUJD\r\n\r\nQUJD"},
		{"line breaks in the padding", "QQ=\n\n\n\n="},
		{"line breaks before the padding", "QQ\r\n\r\n=="},
		{"URL alphabet", "_-_-"},
		{"bits left over", "QR=="},
		{"other characters", "Q\x00JD"},
		{"no ASCII", "QλD"},
		{"text", `{"a":1}`},
	}
	for _, kind := range kinds {
		for _, tt := range tests {
			t.Run(string(kind)+"/"+tt.name, func(t *testing.T) {
				payload := newEvent(t, kind, object{"body": tt.in, "isBase64Encoded": true})
				withBody(t, kind, payload, func(b *lambdahttp.Body) {
					for range 2 { // the second call decodes nothing
						if got, err := b.Bytes(); !errors.Is(err, lambdahttp.ErrBase64) || got != nil {
							t.Errorf("Bytes() of %q = %q, %v, want ErrBase64", tt.in, got, err)
						}
					}
					if _, err := io.ReadAll(b); !errors.Is(err, lambdahttp.ErrBase64) {
						t.Errorf("ReadAll of %q: %v, want ErrBase64", tt.in, err)
					}
				})
			})
		}
	}
}

// The decoder has a fast path for long texts, written in assembly. Whatever byte
// stands wherever in one, the verdict and the bytes are those of encoding/base64.
func TestLongBase64IsJudgedAsByTheStandardLibrary(t *testing.T) {
	data := make([]byte, 99)
	for i := range data {
		data[i] = byte(i * 83)
	}
	right := base64.StdEncoding.EncodeToString(data)
	for at := range len(right) {
		for c := range 256 {
			if c == '"' || c == '\\' || c == '\r' || c == '\n' { // those end or break the string
				continue
			}
			text := []byte(right)
			text[at] = byte(c)
			want, wantErr := base64.StdEncoding.Strict().DecodeString(string(text))
			payload := fmt.Appendf(nil, `{"httpMethod":"POST","isBase64Encoded":true,"body":"%s"}`, text)
			withBody(t, lambdahttp.REST, payload, func(b *lambdahttp.Body) {
				got, err := b.Bytes()
				if (err != nil) != (wantErr != nil) || err == nil && !bytes.Equal(got, want) {
					t.Fatalf("byte %#x at %d: Bytes() = %d bytes, %v; encoding/base64 says %d bytes, %v", c, at, len(got), err, len(want), wantErr)
				}
			})
		}
	}
}

// encoding/json would not let a raw line break through, but the body is cut out
// before it sees the event.
func TestRawLineBreaksInBase64AreErrBase64(t *testing.T) {
	payload := []byte("{\"httpMethod\":\"POST\",\"isBase64Encoded\":true,\"body\":\"QUJD\n\n\n\n\"}")
	withBody(t, lambdahttp.REST, payload, func(b *lambdahttp.Body) {
		if got, err := b.Bytes(); !errors.Is(err, lambdahttp.ErrBase64) {
			t.Errorf("Bytes() = %q, %v, want ErrBase64", got, err)
		}
	})
}

func TestEscapedBase64IsUnderstood(t *testing.T) {
	payload := []byte(`{"httpMethod":"POST","isBase64Encoded":true,"body":"\/\u002b\/\/QQ\u003d="}`)
	withBody(t, lambdahttp.REST, payload, func(b *lambdahttp.Body) {
		want := []byte{0xff, 0xef, 0xff, 'A'}
		if got, err := b.Bytes(); err != nil || !bytes.Equal(got, want) || b.Len() != len(want) {
			t.Errorf("Bytes() = %x, %v, Len() = %d, want %x", got, err, b.Len(), want)
		}
	})
}

// A large body is looked through in blocks: an escape counts wherever it stands.
func TestEscapesInALargeBodyAreUnderstood(t *testing.T) {
	const quanta = 20_000
	want := bytes.Repeat([]byte{0xff, 0xff, 0xff}, quanta) // "////" four times over
	text := strings.Repeat("////", quanta)
	for _, at := range []int{0, 1, 32<<10 - 1, 32 << 10, 32<<10 + 1, 64<<10 - 1, len(text) - 1} {
		escaped := text[:at] + `\/` + text[at+1:]
		payload := []byte(`{"httpMethod":"POST","isBase64Encoded":true,"body":"` + escaped + `"}`)
		withBody(t, lambdahttp.REST, payload, func(b *lambdahttp.Body) {
			if got, err := b.Bytes(); err != nil || !bytes.Equal(got, want) || b.Len() != len(want) {
				t.Errorf("escape at %d: Bytes() = %d bytes, %v, Len() = %d, want %d", at, len(got), err, b.Len(), len(want))
			}
		})
	}
}

func TestTextBodyIsWhatEncodingJSONMakesOfIt(t *testing.T) {
	for _, in := range []string{
		``,
		`plain`,
		`ä λ 😀`,
		`\"\\\/\b\f\n\r\t`,
		`\u0000\u007f\u0080\u07ff\u0800\uffff`,
		`\ud83d\ude00`,
		`\uD83D\uDE00`,
		`\ud83d`,
		`\ud83d\ud83d\ude00`,
		`\ud83dx`,
		`\ud83d\n`,
		`\ude00`,
		`\ufffd`,
		"invalid \xff\xc3\x28 UTF-8",
		"escaped \\n and invalid \xf0\x9f",
		`{\"nested\":\"\\\"body\\\":\\\"x\\\"\"}`,
	} {
		t.Run(in, func(t *testing.T) {
			var want string
			if err := json.Unmarshal([]byte(`"`+in+`"`), &want); err != nil {
				t.Fatal(err)
			}
			payload := []byte(`{"httpMethod":"POST","body":"` + in + `"}`)
			withBody(t, lambdahttp.REST, payload, func(b *lambdahttp.Body) {
				size := b.Len()
				got, err := b.Bytes()
				if err != nil || string(got) != want || size != len(want) {
					t.Errorf("Bytes() = %q, %v, Len() = %d, want %q of %d bytes", got, err, size, want, len(want))
				}
			})
		})
	}
}

func TestBodyIsTheTopLevelOne(t *testing.T) {
	tests := []struct {
		name, in, want string
	}{
		{"spaces", "{ \"httpMethod\" : \"POST\" ,\n\t\"body\" : \"right\" }", "right"},
		{"first field", `{"body":"right","httpMethod":"POST"}`, "right"},
		{"last field", `{"httpMethod":"POST","body":"right"}`, "right"},
		{"nested before", `{"requestContext":{"body":"wrong"},"httpMethod":"POST","body":"right"}`, "right"},
		{"nested only", `{"requestContext":{"body":"wrong"},"httpMethod":"POST"}`, ""},
		{"in a text before", `{"path":"\"body\":\"wrong\"","httpMethod":"POST","body":"right"}`, "right"},
		{"of a header's name", `{"headers":{"body":"wrong"},"httpMethod":"POST","body":"right"}`, "right"},
		{"longer names", `{"antibody":"wrong","body2":"wrong","httpMethod":"POST","body":"right"}`, "right"},
		{"escaped name", `{"httpMethod":"POST","bo\u0064y":"right"}`, "right"},
		{"in capitals", `{"httpMethod":"POST","BODY":"wrong"}`, ""},
		{"twice", `{"body":"wrong","httpMethod":"POST","body":"right"}`, "right"},
		{"twice, null at the end", `{"body":"wrong","httpMethod":"POST","body":null}`, ""},
		{"twice, null at the start", `{"body":null,"httpMethod":"POST","body":"right"}`, "right"},
		{"null", `{"httpMethod":"POST","body":null}`, ""},
		{"absent", `{"httpMethod":"POST"}`, ""},
		{"empty", `{"httpMethod":"POST","body":""}`, ""},
	}
	for _, tt := range tests {
		for _, times := range []int{1, 100} { // a large body is found in another way
			t.Run(fmt.Sprintf("%s/%d", tt.name, times), func(t *testing.T) {
				in := strings.ReplaceAll(tt.in, `right"`, strings.Repeat("right", times)+`"`)
				want := strings.Repeat(tt.want, times)
				withBody(t, lambdahttp.REST, []byte(in), func(b *lambdahttp.Body) {
					if got, err := b.Bytes(); err != nil || string(got) != want || b.Len() != len(want) {
						t.Errorf("%s: Bytes() = %q, %v, Len() = %d, want %q", in, got, err, b.Len(), want)
					}
				})
			})
			t.Run(fmt.Sprintf("%s/%d wrong", tt.name, times), func(t *testing.T) {
				in := strings.ReplaceAll(tt.in, `wrong"`, strings.Repeat("wrong", times)+`"`)
				in = strings.ReplaceAll(in, `wrong\"`, strings.Repeat("wrong", times)+`\"`)
				withBody(t, lambdahttp.REST, []byte(in), func(b *lambdahttp.Body) {
					if got, err := b.Bytes(); err != nil || string(got) != tt.want || b.Len() != len(tt.want) {
						t.Errorf("%s: Bytes() = %q, %v, Len() = %d, want %q", in, got, err, b.Len(), tt.want)
					}
				})
			})
		}
	}
}

func TestMangledMultipartIsErrNotBinary(t *testing.T) {
	const form = "multipart/form-data; boundary=b"
	tests := []struct {
		name, contentType, body string
		want                    error
	}{
		{"replaced bytes", form, "--b\r\n\r\n\uFFFDPNG\r\n--b--", lambdahttp.ErrNotBinary},
		{"in capitals", " Multipart/Form-Data; boundary=b", "\uFFFD", lambdahttp.ErrNotBinary},
		{"other multipart", "multipart/mixed; boundary=b", "\uFFFD", lambdahttp.ErrNotBinary},
		{"text files only", form, "--b\r\n\r\nhellö\r\n--b--", nil},
		{"not multipart", "text/plain", "\uFFFD", nil},
		{"no content type", "", "\uFFFD", nil},
	}
	for _, kind := range kinds {
		for _, tt := range tests {
			t.Run(string(kind)+"/"+tt.name, func(t *testing.T) {
				changes := withHeader(kind, "Content-Type", tt.contentType)
				changes["body"], changes["isBase64Encoded"] = tt.body, false
				withBody(t, kind, newEvent(t, kind, changes), func(b *lambdahttp.Body) {
					got, err := b.Bytes()
					if !errors.Is(err, tt.want) || err == nil && string(got) != tt.body {
						t.Errorf("Bytes() = %q, %v, want %v", got, err, tt.want)
					}
				})
			})
		}
	}
	t.Run("in base64", func(t *testing.T) {
		changes := withHeader(lambdahttp.REST, "Content-Type", form)
		changes["body"], changes["isBase64Encoded"] = base64.StdEncoding.EncodeToString([]byte("\uFFFD")), true
		withBody(t, lambdahttp.REST, newEvent(t, lambdahttp.REST, changes), func(b *lambdahttp.Body) {
			if _, err := b.Bytes(); err != nil {
				t.Errorf("Bytes() of a file that holds U+FFFD: %v", err)
			}
		})
	})
}

// A request that is turned away must cost nothing.
func TestNothingIsDecodedUnasked(t *testing.T) {
	for _, body := range []string{strings.Repeat("QUJD", 1000), "not base64!"} {
		payload := newEvent(t, lambdahttp.REST, object{"body": body, "isBase64Encoded": true})
		before := bytes.Clone(payload)
		withBody(t, lambdahttp.REST, payload, func(b *lambdahttp.Body) {
			_ = b.Close()
		})
		if !bytes.Equal(payload, before) {
			t.Errorf("a body that nobody read was decoded: the event's buffer has changed")
		}
	}
}

func TestBodyReadsAsAReader(t *testing.T) {
	want := bytes.Repeat([]byte("0123456789"), 500)
	payload := newEvent(t, lambdahttp.REST, object{"body": base64.StdEncoding.EncodeToString(want), "isBase64Encoded": true})
	withBody(t, lambdahttp.REST, payload, func(b *lambdahttp.Body) {
		if err := iotest.TestReader(b, want); err != nil {
			t.Error(err)
		}
	})
}

func TestBytesIsWholeAfterARead(t *testing.T) {
	payload := newEvent(t, lambdahttp.REST, object{"body": "hello", "isBase64Encoded": false})
	withBody(t, lambdahttp.REST, payload, func(b *lambdahttp.Body) {
		if _, err := io.ReadFull(b, make([]byte, 2)); err != nil {
			t.Fatal(err)
		}
		if got, err := b.Bytes(); err != nil || string(got) != "hello" {
			t.Errorf("Bytes() after a read = %q, %v, want the whole body", got, err)
		}
		if rest, err := io.ReadAll(b); err != nil || string(rest) != "llo" {
			t.Errorf("ReadAll after Bytes = %q, %v, want the rest", rest, err)
		}
	})
}

func TestClosedBodyIsNotRead(t *testing.T) {
	withBody(t, lambdahttp.REST, newEvent(t, lambdahttp.REST, nil), func(b *lambdahttp.Body) {
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		if n, err := b.Read(make([]byte, 9)); n != 0 || !errors.Is(err, http.ErrBodyReadAfterClose) {
			t.Errorf("Read after Close = %d, %v, want ErrBodyReadAfterClose", n, err)
		}
	})
}

// Appending to the body must not write into what stands behind it in the event.
func TestAppendingToTheBodyLeavesTheEventAlone(t *testing.T) {
	for _, encoded := range []bool{true, false} {
		payload := []byte(`{"httpMethod":"POST","isBase64Encoded":` + map[bool]string{true: "true", false: "false"}[encoded] + `,"body":"QUJD","x":"y"}`)
		h := lambdahttp.New(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			data, err := r.Body.(*lambdahttp.Body).Bytes()
			if err != nil || cap(data) != len(data) {
				t.Errorf("Bytes() has room for %d bytes beyond its %d, %v", cap(data)-len(data), len(data), err)
			}
		}), lambdahttp.Options{})
		if _, err := h.Invoke(context.Background(), payload); err != nil {
			t.Fatal(err)
		}
	}
}
