package session_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strings"
	"testing"
)

// secretName matches what this package calls keys and what is made of them.
var secretName = regexp.MustCompile(`(?i)^(key|text|value|master|code|digest|want)$`)

// TestKeysAreComparedInConstantTimeOnly reads the code: a comparison that ends at
// the first different byte tells by its time how far a guess was right.
func TestKeysAreComparedInConstantTimeOnly(t *testing.T) {
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	constantTime := 0
	for _, file := range files {
		if !strings.HasSuffix(file.Name(), ".go") || strings.HasSuffix(file.Name(), "_test.go") {
			continue
		}
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, file.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.BinaryExpr:
				if (n.Op == token.EQL || n.Op == token.NEQ) && !isEmpty(n.X) && !isEmpty(n.Y) && (isSecret(n.X) || isSecret(n.Y)) {
					t.Errorf("%s: a key is compared with %s", set.Position(n.Pos()), n.Op)
				}
			case *ast.SelectorExpr:
				switch n.Sel.Name {
				case "ConstantTimeCompare":
					constantTime++
				case "Equal", "EqualFold", "Compare":
					if x, ok := n.X.(*ast.Ident); ok && (x.Name == "bytes" || x.Name == "strings") {
						t.Errorf("%s: %s.%s", set.Position(n.Pos()), x.Name, n.Sel.Name)
					}
				}
			}
			return true
		})
	}
	if constantTime < 2 {
		t.Errorf("ConstantTimeCompare is used %d times, want 2 or more", constantTime)
	}
}

func isSecret(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.Ident:
		return secretName.MatchString(e.Name)
	case *ast.SelectorExpr:
		return secretName.MatchString(e.Sel.Name)
	case *ast.SliceExpr:
		return isSecret(e.X)
	}
	return false
}

func isEmpty(e ast.Expr) bool {
	literal, ok := e.(*ast.BasicLit)
	return ok && literal.Value == `""`
}
