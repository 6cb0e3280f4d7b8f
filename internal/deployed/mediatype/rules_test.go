package mediatype_test

import (
	"errors"
	"strings"
	"testing"

	"uploadfiles/internal/deployed/mediatype"
)

func TestCheckAcceptsByTypeAndExtension(t *testing.T) {
	const page, picture, document, letter = html, "image/png", "application/pdf", docx
	tests := []struct {
		types, extensions string
		name              string
		kind              mediatype.Type
		want              error
	}{
		{"", "", "x.exe", "application/octet-stream", nil},
		{" , ", ",", "x.exe", "application/octet-stream", nil},

		{"image/*", "", "x.png", picture, nil},
		{"image/*", "", "x.png", page, mediatype.ErrType},
		{"image/*", "", "x.html", picture, nil},
		{"image/*", "", "x.svg", "image/svg+xml", nil},
		{"image/*", "", "x", "imagery/png", mediatype.ErrType},
		{"image/*,application/pdf", "", "x.pdf", document, nil},
		{" Image/* , Application/PDF ", "", "x.pdf", document, nil},
		{"application/pdf", "", "x.pdf", "application/pdf+x", mediatype.ErrType},
		{"text/plain", "", "x.txt", utf8Text, nil},
		{"text/*", "", "x.html", page, nil},
		{docx, "", "x.docx", letter, nil},

		{"image/jpg", "", "x.jpg", "image/jpeg", nil},
		{"application/xml", "", "x.xml", "text/xml; charset=utf-8", nil},
		{"application/x-javascript", "", "x.js", "text/javascript", nil},
		{"application/x-zip-compressed", "", "x.zip", "application/zip", nil},
		{"application/x-not-known-yet", "", "x.png", picture, mediatype.ErrType},

		{"", "pdf,.png", "x.pdf", document, nil},
		{"", "pdf,.png", "x.PNG", picture, nil},
		{"", "PDF , .Png", "x.png", picture, nil},
		{"", "pdf,.png", "x.html", picture, mediatype.ErrExtension},
		{"", "pdf,.png", "x", picture, mediatype.ErrExtension},
		{"", "pdf,.png", "png", picture, mediatype.ErrExtension},
		{"", "pdf,.png", ".png", picture, mediatype.ErrExtension},
		{"", "pdf,.png", "xpng", picture, mediatype.ErrExtension},
		{"", "pdf,.png", "x.png.exe", picture, mediatype.ErrExtension},
		{"", "pdf,.png", "x.php.png", picture, nil},
		{"", "tar.gz", "x.tar.gz", "application/gzip", nil},
		{"", "tar.gz", "x.gz", "application/gzip", mediatype.ErrExtension},
		{"", "gz", "x.tar.gz", "application/gzip", nil},
		{"", "документ", "x.ДОКУМЕНТ", utf8Text, nil},

		{"image/*", "png", "x.png", picture, nil},
		{"image/*", "png", "x.png", page, mediatype.ErrType},
		{"image/*", "png", "x.html", picture, mediatype.ErrExtension},
		{"image/*", "png", "x.html", page, mediatype.ErrExtension},
	}
	for _, test := range tests {
		rules, err := mediatype.ParseRules(test.types, test.extensions)
		if err != nil {
			t.Errorf("ParseRules(%q, %q): %v", test.types, test.extensions, err)
			continue
		}
		if got := rules.Check(test.name, test.kind); !errors.Is(got, test.want) {
			t.Errorf("with types %q and extensions %q, Check(%q, %q) = %v, want %v",
				test.types, test.extensions, test.name, test.kind, got, test.want)
		}
	}
}

func TestZeroRulesAcceptEverything(t *testing.T) {
	if err := (mediatype.Rules{}).Check("x.exe", "application/octet-stream"); err != nil {
		t.Errorf("Check = %v, want nil", err)
	}
}

func TestCheckTellsTheClientWhatIsAccepted(t *testing.T) {
	rules, err := mediatype.ParseRules("image/*, application/pdf", "png, .JPG, pdf")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		kind mediatype.Type
		want string
	}{
		{"x.png", html, "Files of type text/html are not accepted; accepted: image/*, application/pdf"},
		{"x\r\n.evil", "image/png", "Files with this extension are not accepted; accepted: .png, .jpg, .pdf"},
	}
	for _, test := range tests {
		got := rules.Check(test.name, test.kind)
		if got == nil || got.Error() != test.want {
			t.Errorf("Check(%q, %q) = %v, want %s", test.name, test.kind, got, test.want)
		}
	}
}

func TestContentAndNameHaveToAgreeUnderTheRules(t *testing.T) {
	tests := []struct {
		name, types, extensions string
		file                    string
		data                    []byte
		want                    error
	}{
		{"page as a picture", "image/*", "", "x.png", []byte("<html><script>"), mediatype.ErrType},
		{"page in UTF-16 as a picture", "image/*", "", "x.png", utf16File("<html>"), mediatype.ErrType},
		{"page with a PDF mark", "application/pdf", "", "x.pdf", []byte("<html><!-- %PDF-1.4 -->"), mediatype.ErrType},
		{"picture as a page", "image/*", "png,jpg", "x.html", pngFile(t), mediatype.ErrExtension},
		{"text as a page", "text/plain", "", "x.html", []byte("hello <script>"), mediatype.ErrType},
		{"text as a picture", "image/*", "", "x.svg.png", []byte("<svg onload=x>"), mediatype.ErrType},
		{"program as a document", "application/pdf", "", "x.pdf", []byte("MZ\x90\x00\x03"), mediatype.ErrType},
		{"empty picture", "image/*", "", "x.png", nil, mediatype.ErrType},
		{"picture", "image/*", "png", "x.png", pngFile(t), nil},
		{"table", "text/csv", "csv", "x.csv", []byte("a;b\n"), nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			rules, err := mediatype.ParseRules(test.types, test.extensions)
			if err != nil {
				t.Fatal(err)
			}
			kind := mediatype.Sniff(test.data, test.file)
			if got := rules.Check(test.file, kind); !errors.Is(got, test.want) {
				t.Errorf("Check(%q, %q) = %v, want %v", test.file, kind, got, test.want)
			}
		})
	}
}

func TestParseRulesSaysWhatToWriteInstead(t *testing.T) {
	tests := []struct{ types, extensions, want string }{
		{"*", "", `ALLOWED_TYPES: leave it empty instead of "*"`},
		{"*/*", "", `ALLOWED_TYPES: leave it empty instead of "*/*"`},
		{"pdf", "", `ALLOWED_TYPES: "pdf" is not a media type: write one such as "application/pdf"`},
		{".pdf", "", `ALLOWED_TYPES: ".pdf" is not a media type`},
		{"image/", "", `ALLOWED_TYPES: "image/" is not a media type`},
		{"a b/c", "", `ALLOWED_TYPES: "a b/c" is not a media type`},
		{"image/png;image/gif", "", `ALLOWED_TYPES: "image/png;image/gif"`},
		{"text/plain; charset=utf-8", "", `write "text/plain"`},
		{"image/p*", "", `ALLOWED_TYPES: "image/p*" has a wildcard in a part of a word`},
		{"*/png", "", `ALLOWED_TYPES: "*/png" has a wildcard`},
		{"img/*", "", `ALLOWED_TYPES: no media type begins with "img/": write one of application, audio`},
		{"", "*", `ALLOWED_EXTENSIONS: leave it empty instead of "*"`},
		{"", "*.pdf", `ALLOWED_EXTENSIONS: "*.pdf" has a wildcard: write ".pdf"`},
		{"", "image/png", `ALLOWED_EXTENSIONS: "image/png" is not an extension: write one such as ".pdf"; media types belong in ALLOWED_TYPES`},
		{"", "pdf png", `ALLOWED_EXTENSIONS: "pdf png" is not an extension`},
		{"", "pdf;png", `ALLOWED_EXTENSIONS: "pdf;png" is not an extension`},
		{"", ".", `ALLOWED_EXTENSIONS: "." is not an extension`},
		{"", "..pdf", `ALLOWED_EXTENSIONS: "..pdf" is not an extension`},
		{"", "pdf.", `ALLOWED_EXTENSIONS: "pdf." is not an extension`},
	}
	for _, test := range tests {
		rules, err := mediatype.ParseRules(test.types, test.extensions)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("ParseRules(%q, %q) = %v, %v, want an error with %s", test.types, test.extensions, rules, err, test.want)
		}
	}
}

func TestParseRulesNamesEveryWrongEntryAtOnce(t *testing.T) {
	_, err := mediatype.ParseRules("image/*,first,application/pdf,second", "png,third/x")
	if err == nil {
		t.Fatal("ParseRules took wrong entries")
	}
	for _, entry := range []string{`"first"`, `"second"`, `"third/x"`} {
		if !strings.Contains(err.Error(), entry) {
			t.Errorf("ParseRules = %v, want it to name %s", err, entry)
		}
	}
}
