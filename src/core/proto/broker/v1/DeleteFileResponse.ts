// Original file: proto/broker/v1/files.proto


export interface DeleteFileResponse {
}

export interface DeleteFileResponse__Output {
}
