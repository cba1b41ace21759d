// Original file: proto/broker/v1/files.proto


export interface ListFilesRequest {
}

export interface ListFilesRequest__Output {
}
