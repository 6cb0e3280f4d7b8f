// Command nothing is a function that does nothing: no Go function starts sooner.
package main

import "github.com/aws/aws-lambda-go/lambda"

func main() { lambda.Start(func() {}) }
