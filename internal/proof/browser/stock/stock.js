// Uppy as its manual sets it up, told nothing but where the API is and the key.
import '@uppy/core/css/style.css'
import '@uppy/dashboard/css/style.css'
import AwsS3 from '@uppy/aws-s3'
import Uppy from '@uppy/core'
import Dashboard from '@uppy/dashboard'

const { endpoint, headers } = JSON.parse(decodeURIComponent(location.hash.slice(1)))
window.results = []
new Uppy()
  .use(Dashboard, { inline: true, target: '#dashboard' })
  .use(AwsS3, { endpoint, headers })
  .on('complete', (result) => window.results.push(result))
