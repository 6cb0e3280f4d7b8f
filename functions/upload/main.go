// Command upload is the AWS Lambda function that takes the files of a
// conversation. It runs behind a REST or HTTP API of API Gateway, a Function URL
// or an Application Load Balancer.
package main

import (
	"uploadfiles/internal/deployed/function"
	"uploadfiles/internal/deployed/uploadfunction"
)

func main() { function.Main(uploadfunction.Join) }
